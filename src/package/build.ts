/** `npm run build`: the npm package of the SDKs, in `dist/package`. */
import { join, relative } from "node:path";
import { buildPackage } from "./package.ts";
import { projectRoot } from "./source.ts";

const folder = join(projectRoot, "dist/package");
const { name, version } = await buildPackage(folder);
console.log(`${name} ${version} is in ${relative(process.cwd(), folder)}; npm pack makes the tarball of it.`);
