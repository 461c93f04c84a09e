// A running proxy, from Node by OpenAI's own package: who answered, and an answer in pieces.
//
// python -m modelmesh.proxy       # in another terminal; MODELMESH_URL where it is elsewhere
// npm install --no-save --prefix examples openai
// node examples/from_node.mjs
import OpenAI from "openai";

const proxy = new OpenAI({
  baseURL: process.env.MODELMESH_URL ?? "http://localhost:8080/v1",
  apiKey: process.env.MODELMESH_TOKEN ?? "not-needed",
});

const { data: stream, response } = await proxy.chat.completions.create({
  model: "chat-completion",
  messages: [{ role: "user", content: "Count to five." }],
  stream: true,
}).withResponse();

console.log(`(${response.headers.get("x-modelmesh-model")} answers)`);
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
console.log();
