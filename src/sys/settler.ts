import { closeSync, constants, openSync } from 'node:fs';

import { fromText } from '../core/index.ts';
import { addon } from './addon.ts';
import { errno } from './errno.ts';
import { nativePath } from './paths.ts';

const nowhere = -1;

/**
 * Starts a process of its own that syncs the file system of a folder of marks, notes there that it did so, and ends; see
 * native/launcher_settle.h. It outlives this process and holds nothing but the folder. False when it cannot be started.
 */
export function startSettler(folder: string, boot: string): boolean {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const program = fromText(nativePath('launcher'));
    const args = [program, 'settle', boot].map((word) => `${word}\0`).join('');
    const pid = addon().spawn(program, args, nowhere, nowhere, nowhere, fd);
    if (pid > 0) forget(pid);
    return pid > 0;
  } finally {
    closeSync(fd);
  }
}

/** Keeps its end from staying behind in a process that goes on; one that ends leaves it to init. */
function forget(pid: number, pause = 50): void {
  const look = (): void => {
    if (addon().waitpid(pid) === -errno.EAGAIN) forget(pid, Math.min(pause * 2, 5000));
  };
  setTimeout(look, pause).unref();
}
