// Answers requests, a line of JSON each, with what LangChain in JavaScript and Flowise's memory
// nodes make of them: each on its own clients, as an application would use it.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { RedisChatMessageHistory as NodeRedisHistory } from "@langchain/redis";
import { RedisChatMessageHistory as IORedisHistory } from "@langchain/community/stores/message/ioredis";
import { UpstashRedisChatMessageHistory } from "@langchain/community/stores/message/upstash_redis";
import { made, told } from "./messages.mjs";

const flowise = createRequire(import.meta.url)("./flowise.cjs");

const NODES = {
  "flowise redis": ({ url }, inputs, credential) =>
    flowise.memory("RedisBackedChatMemory", inputs, credential ?? { redisUrl: url }),
  "flowise upstash": ({ rest, token }, inputs) =>
    flowise.memory(
      "UpstashRedisBackedChatMemory",
      { ...inputs, baseURL: rest },
      { upstashRestToken: token },
    ),
};

const HISTORIES = {
  // The pool of the package keeps one client for each configuration.
  "node-redis": ({ url }, fields) => [new NodeRedisHistory({ ...fields, config: { url } })],
  ioredis: ({ url }, fields) => {
    const history = new IORedisHistory({ ...fields, url });
    return [history, () => history.client.quit()];
  },
  upstash: ({ rest, token }, fields) => [
    new UpstashRedisChatMessageHistory({ ...fields, config: { url: rest, token } }),
  ],
};

async function asHistory({ library, place, key, ttl, does, messages }) {
  const [history, close] = HISTORIES[library](place, { sessionId: key, sessionTTL: ttl });
  try {
    if (does === "write") for (const message of messages) await history.addMessage(made(message));
    else if (does === "read") return (await history.getMessages()).map(told);
    else if (does === "clear") await history.clear();
    else throw new Error(`a history cannot ${does}`);
  } finally {
    await close?.();
  }
}

async function asNode(request) {
  const { library, place, key, ttl, does, messages, override, prepend, inputs, credential } = request;
  const fields = { sessionId: key, sessionTTL: ttl, ...inputs };
  const node = await NODES[library](place, fields, credential);
  if (does === "write") {
    for (const { type, fields: said } of messages) {
      const saying = { text: said.content, type: type === "human" ? "userMessage" : "apiMessage" };
      await node.addChatMessages([saying], override);
    }
  } else if (does === "write together") await node.addChatMessages(messages, override);
  else if (does === "read") return (await node.getChatMessages(override, true, prepend)).map(told);
  else if (does === "read plain") return node.getChatMessages(override, false, prepend);
  else if (does === "clear") await node.clearChatMessages(override);
  else throw new Error(`a node cannot ${does}`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let act = request.library in NODES ? asNode : asHistory;
  if (request.does === "describe") act = flowise.described;
  if (request.does === "use a package") act = flowise.used;
  let answer;
  try {
    answer = { result: (await act(request)) ?? null };
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
