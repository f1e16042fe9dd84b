/** `docs/console.png`, when it is asked for: the page of a real hub, with the answers of a busier one. */
import { describe, test } from "vitest";
import {
  inbox,
  lanes,
  letters,
  members,
  messageState,
  now,
  preferences,
  presence,
  presences,
  receipt,
  topicCount,
  topics,
} from "../../support/console-answers.ts";
import { consoleOn } from "../../support/console-page.ts";
import { apiKeys } from "../../support/credentials.ts";
import { startHub } from "../../support/hub-process.ts";
import {
  launchForPictures,
  pictureContext,
  shownOrigin,
  takePicture,
  wanted,
} from "../../support/picture.ts";

/** What the API answers, by the end of the path. */
const answers: readonly (readonly [path: RegExp, answer: unknown])[] = [
  [/\/v1\/lanes$/, lanes],
  [/\/v1\/users\/alice$/, presence],
  [/\/v1\/users\/alice\/messages\?/, inbox],
  [/\/v1\/users\/alice\/messages\/./, messageState("alice")],
  [/\/v1\/users\/bob\/messages\/./, messageState("bob")],
  [/\/v1\/users\/alice\/topics$/, { topics }],
  [/\/v1\/users\/alice\/preferences$/, preferences],
  [/\/v1\/topics\/team\.7\.builds$/, topicCount],
  [/\/v1\/topics\/team\.7\.builds\/members\?/, members],
  [/\/v1\/presence$/, presences],
  [/\/v1\/dead-letters\?/, letters],
  [/\/v1\/messages$/, receipt],
];

describe.runIf(wanted)("pictures", () => {
  test("the console", async () => {
    const hub = await startHub();
    const browser = await launchForPictures(hub.port);
    try {
      const context = await pictureContext(browser);
      await context.clock.setFixedTime(now);
      for (const [path, json] of answers) await context.route(path, (route) => route.fulfill({ json }));
      const tab = await context.newPage();
      await tab.setViewportSize({ width: 1_440, height: 1_700 });
      await tab.goto(`${shownOrigin}/console`);
      await tab.getByRole("textbox", { name: "API key" }).fill(apiKeys.all);
      await tab.keyboard.press("Enter");
      const { panel, send, sending, watch, user } = consoleOn(tab);
      await send({
        To: "alice, bob",
        Type: "order.shipped",
        "Data, as JSON": '{\n  "order": 1001,\n  "parcels": 2\n}',
      });
      await sending.getByText("handled by phone").waitFor();
      await tab.evaluate("document.getElementById('send-more').open = false");
      await watch("alice");
      await user.getByText("digest.weekly").waitFor();
      await panel("Topics").getByRole("textbox", { name: "Topic" }).fill("team.7.builds");
      await tab.keyboard.press("Enter");
      await tab.getByText("1,204 members").waitFor();
      await tab.evaluate("document.activeElement.blur(); scrollTo(0, 0)");
      await takePicture(tab, "console");
    } finally {
      await browser.close();
      await hub.stop();
    }
  });
});
