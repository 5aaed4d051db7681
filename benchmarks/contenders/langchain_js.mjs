// LangChain's history in JavaScript. Takes a JSON request a line, answers with a JSON line.
import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { RedisChatMessageHistory } from "@langchain/redis";
import { createClient } from "redis";
import { createInterface } from "node:readline";

const { url, ttl, prefix, window, question, answer } = JSON.parse(process.argv[2]);
const client = createClient({ url });
await client.connect();

const histories = new Map();
function history(session) {
  if (!histories.has(session))
    histories.set(
      session,
      new RedisChatMessageHistory({ sessionId: prefix + session, sessionTTL: ttl, client }),
    );
  return histories.get(session);
}

const operations = {
  append: (session) =>
    history(session).addMessages([new HumanMessage(question), new AIMessage(answer)]),
  // It has no window, so all is read for one.
  window: async (session) => (await history(session).getMessages()).slice(-window),
  everything: (session) => history(session).getMessages(),
};

async function run({ operation, session, calls }) {
  const work = operations[operation];
  const cpu = process.cpuUsage();
  const began = performance.now();
  let found;
  for (let call = 0; call < calls; call++) found = await work(session);
  const wall = (performance.now() - began) * 1000;
  const used = process.cpuUsage(cpu);
  return { wall: wall / calls, cpu: (used.user + used.system) / calls, count: found?.length ?? 0 };
}

async function turns({ sessions, seconds }) {
  const spent = [];
  const end = performance.now() + seconds * 1000;
  const work = async (session) => {
    for (let began; (began = performance.now()) < end; ) {
      await operations.window(session);
      await operations.append(session);
      spent.push((performance.now() - began) / 1000);
    }
  };
  await Promise.all(sessions.map(work));
  return { spent };
}

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  console.log(JSON.stringify(await (request.sessions ? turns : run)(request)));
}
await client.quit();
