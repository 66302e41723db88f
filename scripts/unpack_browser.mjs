// Decompresses the files of the npm package @sparticuz/chromium: node unpack_browser.mjs PACKAGE TARGET
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const [source, target] = process.argv.slice(2);
await mkdir(target, { recursive: true });
for (const name of await readdir(`${source}/bin`)) {
  await pipeline(
    createReadStream(`${source}/bin/${name}`),
    createBrotliDecompress(),
    createWriteStream(`${target}/${name.replace(/\.br$/, "")}`),
  );
}
