// What every scenario shares: where things are, and how a scenario tells what it saw.

export const API = process.env.TRACEWAY_URL;
export const PROXY = process.env.TRACEWAY_PROXY_URL;
export const PROVIDER = process.env.PROVIDER_URL;

export const QUESTION = "What is the capital of Norway?";

export const WEATHER_PARAMETERS = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};

/** Answers a call of the weather tool. */
export function weather({ city, days }) {
  return { city, days, celsius: 4 };
}

/** Prints the one line that a test reads. */
export function tell(seen) {
  console.log(JSON.stringify(seen));
}

// A provider's answer that its own library complains about is not like the real one.
process.on("warning", (warning) => {
  console.error(warning.stack);
  process.exitCode = 1;
});
