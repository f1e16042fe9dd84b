/** `npm run size`: what a page loads with each of the SDKs, in bytes. */
import { loadSizeOf, maxClientBytes, type Size } from "./load-size.ts";
import { entriesOf, readSource } from "./source.ts";

const source = await readSource();
const table: Record<string, Size> = {};
for (const [name, entry] of Object.entries(entriesOf(source))) {
  const { atOnce, later } = await loadSizeOf(entry);
  table[`${source.name}/${name}`] = atOnce;
  if (later.minified > 0) table[`${source.name}/${name}, loaded later`] = later;
}
console.table(table);
console.log(
  `hubbub/client may be ${maxClientBytes} bytes of gzip at once; what is loaded later comes on top.`,
);
