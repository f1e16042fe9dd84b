/** `npm run size`: what a page loads with each of the SDKs, in bytes. */
import { loadSizeOf, maxClientBytes } from "./load-size.ts";
import { entriesOf, readSource } from "./source.ts";

const source = await readSource();
const table: Record<string, Record<string, number>> = {};
for (const [name, entry] of Object.entries(entriesOf(source))) {
  const { atOnce, inAll } = await loadSizeOf(entry);
  table[`${source.name}/${name}`] = {
    minified: atOnce.minified,
    gzip: atOnce.gzip,
    "in all, minified": inAll.minified,
    "in all, gzip": inAll.gzip,
  };
}
console.table(table);
console.log(
  `hubbub/client may be ${maxClientBytes} bytes of gzip at once. In all is with what it loads when it is needed: the way ` +
    "to connect from a page or from elsewhere, the inbox, loops, localStorage.",
);
