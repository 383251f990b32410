import { join } from 'node:path';
import { projectRoot } from './paths.ts';
import { runOk } from './run-command.ts';

/** The path of a small Debian root file system as a tar: made once per machine, half a minute, then cached. */
export function debianBaseTar(): Promise<string> {
  return runOk(['bash', join(projectRoot, 'scripts/debian-base.sh')]);
}
