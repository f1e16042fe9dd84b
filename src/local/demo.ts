/** `npm run demo`: shows against the running local hub that a device never misses a message. Fails if one does. */
import { tellStory } from "./demo-story.ts";
import { hubApi } from "./hub-api.ts";
import { runScript } from "./script.ts";
import { projectRoot, readLocalHub } from "./workspace.ts";

await runScript(async () => {
  const hub = await readLocalHub(projectRoot);
  await tellStory({
    url: hub.url,
    api: hubApi(hub),
    user: `demo-${crypto.randomUUID().slice(0, 8)}`,
    say: (line) => console.log(line),
    patienceMs: 15_000,
  });
});
