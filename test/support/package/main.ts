/** The round trip as a program: `main.ts <url> <key> <user>`. It ends by itself only if the SDKs leave nothing running. */
import process from "node:process";
import { roundTrip } from "./round-trip.ts";

const [url = "", key = "", user = ""] = process.argv.slice(2);
console.log(JSON.stringify(await roundTrip({ url, key, user })));
