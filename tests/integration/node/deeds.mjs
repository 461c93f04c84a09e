// Does at each pool what each client library does there (../clients/deeds.py), and prints what came.
import OpenAI from "openai";

const [baseURL, ...pools] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "not-needed", maxRetries: 0 });
const hello = [{ role: "user", content: "Hello!" }];
const question = [{ role: "user", content: "How is the weather in Oslo and in Rome?" }];
const inCity = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const report = {
  ...inCity,
  properties: { ...inCity.properties, degrees: { type: "integer" } },
  required: ["city", "degrees"],
  additionalProperties: false,
};

async function stream(model) {
  const pieces = [];
  for await (const chunk of await client.chat.completions.create({ model, messages: hello, stream: true })) {
    const text = chunk.choices[0]?.delta?.content;
    if (text) pieces.push(text);
  }
  return pieces;
}

function tools(model, asked) {
  const weather = ({ city }) => {
    asked.push(city);
    return { Oslo: "rain", Rome: "sun" }[city];
  };
  const tool = { name: "weather", parameters: inCity, parse: JSON.parse, function: weather };
  return client.chat.completions
    .runTools({ model, messages: question, tools: [{ type: "function", function: tool }], stream: true })
    .finalContent();
}

async function structured(model) {
  const answer = await client.chat.completions.create({
    model,
    messages: question,
    response_format: { type: "json_schema", json_schema: { name: "report", strict: true, schema: report } },
  });
  return JSON.parse(answer.choices[0].message.content);
}

const came = {};
for (const model of pools) {
  const asked = [];
  const answer = await client.chat.completions.create({ model, messages: hello });
  came[model] = {
    chat: answer.choices[0].message.content,
    stream: await stream(model),
    tools: await tools(model, asked),
    asked,
    structured: await structured(model),
  };
}
console.log(JSON.stringify(came));
