/** `npm run listen -- alice [device]`: a device in the terminal, which goes on where it was when it is started again. */
import { HubClient } from "../client/index.ts";
import { takeDevice } from "./device-files.ts";
import { hubApi } from "./hub-api.ts";
import {
  beginningLine,
  digestLine,
  faultLine,
  gapLine,
  messageLine,
  presenceLine,
  statusLine,
  withdrawnLine,
} from "./lines.ts";
import { listenerFrom } from "./options.ts";
import { runScript } from "./script.ts";
import { projectRoot, readLocalHub } from "./workspace.ts";

await runScript(async (args) => {
  const { user, device: named } = listenerFrom(args);
  const { url } = await readLocalHub(projectRoot);
  const { device, storage, release } = await takeDevice(projectRoot, user, named);
  process.on("exit", release);
  const say = (line: string) => console.log(`${new Date().toISOString().slice(11, 23)}  ${line}`);

  const client = new HubClient({
    url,
    // Read anew each time: the hub may have been started again with another key.
    token: async () => hubApi(await readLocalHub(projectRoot)).token(user),
    device,
    storage,
    onGap: (gap) => say(gapLine(gap)),
    onWithdrawn: (withdrawal) => say(withdrawnLine(withdrawal)),
    onDigest: (digest) => say(digestLine(digest)),
    onPresence: (event) => say(presenceLine(event)),
    onDiscontinuity: (reason) => say(beginningLine(reason)),
    onFault: (fault) => say(faultLine(fault)),
    onStatus: (status) => {
      say(statusLine(status));
      if (status.state === "stopped" && status.code !== 1000) process.exitCode = 1;
    },
  });
  client.on("*", (message) => say(messageLine(message, Date.now())));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => client.close());
  say(`${user} on ${device}; Ctrl-C ends it`);
  await client.start();
});
