// Asks a proxy everything the official SDK offers for chats, and prints what came as one JSON object.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "a-token" });
const messages = [{ role: "user", content: "Hello!" }];
const seen = {};

const whole = await client.chat.completions.create({ model: "good", messages });
seen.whole = whole.choices[0].message.content;

const stream = await client.chat.completions.create({ model: "good", messages, stream: true });
seen.streamed = "";
for await (const chunk of stream) seen.streamed += chunk.choices[0]?.delta?.content ?? "";

const { response } = await client.chat.completions.create({ model: "failing-over", messages }).withResponse();
seen.attempts = response.headers.get("x-modelmesh-attempts");

seen.models = [];
for await (const model of client.models.list()) seen.models.push(model.id);

const helper = client.chat.completions.stream({ model: "tools", messages, tools: [{
  type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } },
}] });
seen.arguments = (await helper.finalChatCompletion()).choices[0].message.tool_calls.map(
  (call) => call.function.arguments,
);

seen.errors = {};
for (const model of ["refusing", "nothing", "limited", "down"]) {
  try {
    await client.chat.completions.create({ model, messages }, { maxRetries: 0 });
  } catch (error) {
    seen.errors[model] = [error.constructor.name, error.status, Boolean(error.requestID)];
  }
}

const broken = await client.chat.completions.create({ model: "cut", messages, stream: true });
try {
  for await (const _ of broken);
} catch (error) {
  seen.broken = error.code;
}

const left = await client.chat.completions.create({ model: "endless", messages, stream: true });
for await (const _ of left) break;
console.log(JSON.stringify(seen));
