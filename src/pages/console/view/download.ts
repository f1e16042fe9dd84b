/** Handing a file to the operator. */
import { element } from "../../common/dom.ts";

/** Long enough for any browser to have begun with it. */
const keptMs = 60_000;

export function download(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), keptMs);
}
