/** `npm run keys -- <scope> … [--topics '<pattern>,…']`: makes an API key for a deployed hub, which itself keeps only the hash of it. */
import { mintApiKey } from "../auth/api-key.ts";
import { keyFrom } from "./options.ts";
import { runScript } from "./script.ts";

await runScript(async (args) => {
  const { granted, topics, existing } = keyFrom(args);
  const { key, record } = mintApiKey(granted, topics);
  const within = topics === undefined ? "" : `, for the topics ${topics.join(", ")}`;
  console.log(`The key, with ${granted.join(", ")}${within}. It is shown now and never again:

  ${key}

What the hub keeps of it, as the whole value of the secret API_KEYS${existing.length > 0 ? ", together with the keys so far" : ""}:

  ${JSON.stringify([...existing, record])}

Set it with this command, which asks for the value:

  npx wrangler secret put API_KEYS
`);
});
