/** `docs/demo.png`, when it is asked for. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { apiKeys, tokenFor, withKey } from "../../support/credentials.ts";
import { eventually } from "../../support/eventually.ts";
import { startHub } from "../../support/hub-process.ts";
import { inboxOn } from "../../support/inbox-page.ts";
import {
  launchForPictures,
  pictureContext,
  shownOrigin,
  takePicture,
  wanted,
} from "../../support/picture.ts";
import { ask, push } from "../../support/publisher.ts";

/** Oldest first, with the age that the picture shows, in minutes. */
const messages = [
  {
    age: 52,
    type: "digest.weekly",
    priority: "low",
    data: { title: "Your week in numbers", text: "18 issues closed, 4 opened, 7 reviews given." },
  },
  {
    age: 34,
    type: "review.requested",
    priority: "normal",
    data: { title: "Tomás asks for your review", text: "Retry failed webhooks: 214 lines in 6 files." },
  },
  {
    age: 12,
    type: "payment.failed",
    priority: "critical",
    data: {
      title: "Your card was declined",
      text: "Update it by Friday, so that your team keeps its access.",
    },
  },
  {
    age: 3,
    type: "order.shipped",
    priority: "high",
    data: { title: "Your order is on its way", text: "Two parcels, at your door on Thursday." },
  },
  {
    age: 0,
    type: "comment.created",
    priority: "normal",
    data: { title: "Mei answered your comment", text: "“Agreed. Let's ship it before the holidays.”" },
  },
];
/** How many of the oldest are read. */
const read = 2;

const page = z.looseObject({ messages: z.array(z.looseObject({ seq: z.number(), at: z.number() })) });

describe.runIf(wanted)("pictures", () => {
  test("the demo", async () => {
    const hub = await startHub();
    const browser = await launchForPictures(hub.port);
    try {
      for (const [index, { age: _, ...message }] of messages.entries()) {
        await push(hub.url, { to: { user: "alice" }, ...message });
        // One after the other, since each has a lane of its own.
        await eventually(async () =>
          JSON.stringify(await ask(hub.url, "users/alice")).includes(`"head":${index + 1},`),
        );
      }
      await fetch(`${hub.url}/v1/users/alice/read`, {
        method: "POST",
        headers: withKey(apiKeys.all),
        body: JSON.stringify({ upTo: read }),
      });
      const context = await pictureContext(browser);
      await context.route("**/v1/users/alice/messages*", async (route) => {
        const url = route.request().url().replace(shownOrigin, hub.url);
        const answer = page.parse(await (await route.fetch({ url })).json());
        const aged = answer.messages.map((message) => ({
          ...message,
          at: Date.now() - (messages[message.seq - 1]?.age ?? 0) * 60_000,
        }));
        await route.fulfill({ json: { ...answer, messages: aged } });
      });
      const tab = await context.newPage();
      await tab.goto(`${shownOrigin}/demo#user=alice&token=${await tokenFor("alice")}`);
      const inbox = inboxOn(tab);
      await inbox.says(/^Live/);
      // By priority, in which the unread ones came.
      await inbox.showsUnread(messages.slice(read).map(({ data }) => data.title));
      await tab.getByText("52 min ago").waitFor();
      await takePicture(tab, "demo");
      expect(await tab.title()).toBe("(3) Inbox · Hubbub");
    } finally {
      await browser.close();
      await hub.stop();
    }
  });
});
