/** The same call as code. The token is in none of them, only the name of a variable for it. */

import { address } from "./mesh.js";

const HELD_IN = "MODELMESH_TOKEN";

/** Write a text as a shell's word. */
const word = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Write a call of curl. */
export function curl(body, locked) {
  const lines = [
    `curl ${body.stream ? "-iN" : "-i"} ${word(address("v1/chat/completions"))}`,
    "-H 'Content-Type: application/json'",
    `-d ${word(JSON.stringify(body))}`,
  ];
  if (locked) lines.splice(1, 0, `-H "Authorization: Bearer $${HELD_IN}"`);
  return lines.join(" \\\n  ");
}

/** Write a call of OpenAI's SDK. A text in JSON is one in Python as well. */
export function python({ model, messages, stream }, locked) {
  const key = locked ? `os.environ["${HELD_IN}"]` : `"not-needed"`;
  const said = messages.map(
    ({ role, content }) => `{"role": "${role}", "content": ${JSON.stringify(content)}}`,
  );
  const call = [
    `${stream ? "stream" : "response"} = client.chat.completions.create(`,
    `    model=${JSON.stringify(model)},`,
    `    messages=[${said.join(", ")}],`,
    ...(stream ? ["    stream=True,"] : []),
    ")",
  ];
  const use = stream
    ? [
        "for chunk in stream:",
        "    if chunk.choices:",
        `        print(chunk.choices[0].delta.content or "", end="", flush=True)`,
      ]
    : ["print(response.choices[0].message.content)"];
  return [
    ...(locked ? ["import os", ""] : []),
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url=${JSON.stringify(address("v1"))}, api_key=${key})`,
    ...call,
    ...use,
  ].join("\n");
}
