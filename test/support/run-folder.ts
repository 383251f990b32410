import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { runCommand } from './run-command.ts';

/**
 * Makes the folder that holds everything one run of the tests, or of the benchmark, writes outside the checkout:
 * `PREFIXpid-starttime`. What runs that were killed left behind is cleared away first.
 */
export async function makeRunFolder(pathPrefix = '/tmp/tsbuild-tests-'): Promise<string> {
  const [parent, prefix] = [dirname(pathPrefix), basename(pathPrefix)];
  for (const name of readdirSync(parent)) {
    if (name.startsWith(prefix) && ownerDead(name.slice(prefix.length)))
      await clearFolder(join(parent, name));
  }
  const folder = join(parent, `${prefix}${process.pid}-${startTime(process.pid) ?? ''}`);
  mkdirSync(folder);
  return folder;
}

/** Ends every process that works below the folder, unmounts what is mounted there, and removes it. */
export async function clearFolder(folder: string): Promise<void> {
  for (const pid of processesOf(folder)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }
  const unmount = 'grep -F " $0/" /proc/mounts | cut -d" " -f2 | sort -r | xargs -r umount -l';
  await runCommand(['sh', '-c', unmount, folder]);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** The processes that name the folder on their command line, or have it in their environment (what they started has). */
export function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => ['cmdline', 'environ'].some((file) => names(readProc(pid, file) ?? '', folder)))
    .map(Number);
}

/** The folder itself or what is below it; not another whose name begins alike. */
function names(text: string, folder: string): boolean {
  return text.includes(`${folder}/`) || text.includes(`${folder}\0`);
}

/** A process id may be in use again; together with its start time it is one process for good. */
function ownerDead(owner: string): boolean {
  const [, pid, started] = /^(\d+)-(\d+)$/.exec(owner) ?? [];
  return pid !== undefined && startTime(Number(pid)) !== started;
}

function startTime(pid: number): string | undefined {
  // The second field, the program's name, may contain blanks; the start time is the 20th after it.
  return readProc(String(pid), 'stat')
    ?.replace(/^.*\) /s, '')
    .split(' ')[19];
}

function readProc(pid: string, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return undefined;
  }
}
