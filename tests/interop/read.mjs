// Reads stored messages, a JSON array of texts, from standard input as LangChain in JavaScript does,
// and prints what it made of them.
import { mapStoredMessagesToChatMessages } from "@langchain/core/messages";

let input = "";
for await (const chunk of process.stdin) input += chunk;
const found = JSON.parse(input).map((element) => {
  const [message] = mapStoredMessagesToChatMessages([JSON.parse(element)]);
  return {
    type: message.getType(),
    content: message.content,
    id: message.id,
    name: message.name,
    tool_calls: message.tool_calls,
    invalid_tool_calls: message.invalid_tool_calls,
    tool_call_id: message.tool_call_id,
  };
});
process.stdout.write(JSON.stringify(found));
