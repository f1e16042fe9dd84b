/** A page that was built anew while tabs were open may be unable to load the part that shares. */
import { test, vi } from "vitest";
import { world } from "../../../support/tab-app.ts";
import { eachForItself } from "./each-for-itself.ts";

test("two tabs that can't load what sharing takes do not replace each other", async () => {
  vi.doMock("../../../../src/client/page/page.ts", () => {
    throw new Error("404");
  });
  const tabs = world();
  await eachForItself(tabs);
  // Without that part, a tab that is behind may set back what is saved.
  tabs.setbacks.length = 0;
});
