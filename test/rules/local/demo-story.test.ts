import { afterEach, describe, expect, test, vi } from "vitest";
import { type Stage, tellStory } from "../../../src/local/demo-story.ts";
import { gap, streamMessage } from "../../support/client-driver.ts";
import { fakeHub, type HubFaults } from "../../support/fake-hub.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

async function tell(faults: HubFaults = {}, patienceMs = 10_000) {
  const { api, Socket } = fakeHub(faults);
  vi.stubGlobal("WebSocket", Socket);
  const lines: string[] = [];
  const stage: Stage = {
    url: "http://hub.test",
    api,
    user: "demo-1",
    say: (line) => lines.push(line),
    patienceMs,
  };
  await tellStory(stage);
  return lines.join("\n");
}

describe("the demo", () => {
  test("shows every priority, the ten that were missed, and that all arrived once", async () => {
    const story = await tell();
    for (const part of ["critical", "high", "normal", "low", "all 10 on the phone", "14 on each device"]) {
      expect(story).toContain(part);
    }
    expect(story).not.toContain("NaN");
  });

  test("fails when a message does not arrive in time", async () => {
    await expect(tell({ withhold: [1, 2] }, 50)).rejects.toThrow("did not get message-1 within 0.05 s");
  });

  test("fails when a message is given up, comes ahead of its turn, or the hub complains", async () => {
    await expect(tell({ aside: gap(1, 1) })).rejects.toThrow("#1 will not come");
    const express = { type: "express", message: streamMessage(9) } as const;
    await expect(tell({ aside: express })).rejects.toThrow("#9 came after #0");
    const error = { type: "error", code: "internal", message: "sorry" } as const;
    await expect(tell({ aside: error })).rejects.toThrow("the hub complains: internal, sorry");
  });

  test("fails when the phone gets more than it missed", async () => {
    await expect(tell({ strayAfter: 8 })).rejects.toThrow("message-of-nobody");
  });

  test("fails when a device does not go on where it was", async () => {
    await expect(tell({ forget: true })).rejects.toThrow("The phone is in trouble: the hub's storage");
  });

  test("fails when a device is not let in", async () => {
    await expect(tell({ refuse: 4003 })).rejects.toThrow("stopped (4003, refused)");
  });
});
