import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tempFolder } from './temp-folder.ts';

/** A build context: a fresh folder with these files. */
export function makeContext(files: Readonly<Record<string, string | Uint8Array>>): string {
  const { path } = tempFolder('context');
  writeContext(path, files);
  return path;
}

export function writeContext(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}
