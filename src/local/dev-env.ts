/**
 * `eval "$(npm run --silent dev:env -- bob)"`: the local hub's URL, an API key, and a connect token that is
 * good for an hour, as variables of the shell.
 */
import { mintConnectToken } from "../auth/connect-token.ts";
import { shellExports } from "./guide.ts";
import { userFrom } from "./options.ts";
import { runScript } from "./script.ts";
import { localSettings, projectRoot, readLocalHub } from "./workspace.ts";

await runScript(async (args) => {
  const user = userFrom(args);
  const { url, apiKey } = await readLocalHub(projectRoot);
  const { tokens } = await localSettings(projectRoot);
  const { token } = await mintConnectToken(user, tokens, Date.now());
  process.stdout.write(shellExports({ HUBBUB_URL: url, HUBBUB_API_KEY: apiKey, HUBBUB_TOKEN: token }));
});
