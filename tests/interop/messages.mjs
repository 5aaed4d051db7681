// Messages of LangChain in JavaScript, made from plain fields, and what their readers see of them.
import {
  AIMessage,
  AIMessageChunk,
  ChatMessage,
  FunctionMessage,
  HumanMessage,
  RemoveMessage,
  SystemMessage,
  ToolMessage,
} from "@langchain/core/messages";

const CLASSES = {
  human: HumanMessage,
  ai: AIMessage,
  "ai chunk": AIMessageChunk,
  system: SystemMessage,
  tool: ToolMessage,
  function: FunctionMessage,
  chat: ChatMessage,
  remove: RemoveMessage,
};

export const made = ({ type, fields }) => new CLASSES[type](fields);

// How LangChain stores the message itself, not what it says.
const WORKINGS = new Set(["type", "lc_kwargs", "lc_namespace", "lc_serializable"]);
const MARKS = new Set(["lc_direct_tool_output"]);

export function told(message) {
  const type = message.getType();
  const fields = Object.entries(message).filter(([name]) => !WORKINGS.has(name) && !MARKS.has(name));
  return { type: type === "generic" ? "chat" : type, fields: Object.fromEntries(fields) };
}
