// Answers each line of standard input, JSON of {tex, display}, by a line of
// JSON: {mathml}, or {error} where the TeX cannot be read.
"use strict";

const readline = require("node:readline");
const temml = require("./temml.cjs");

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    const mathml = temml.renderToString(tex, {
      displayMode: display,
      annotate: true,
      throwOnError: true,
      strict: true,
    });
    answer = { mathml };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
