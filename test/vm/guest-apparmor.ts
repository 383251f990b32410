import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

import {
  apparmorProfile,
  parseSecurityOptions,
  requireSecurity,
  securityModules,
} from '../../src/runtime/index.ts';
import { apparmorProfileBytes, type ProfileMode } from '../support/apparmor.ts';

type Run = (
  command: string,
  profile: string | undefined,
) => Promise<{ readonly code: number; readonly output: string }>;
type Check = (name: string, act: () => unknown) => Promise<void>;

/** AppArmor as Debian's kernel has it on. The profiles go with the small machine: on any other nothing is loaded. */
export async function checkAppArmor(check: Check, run: Run): Promise<void> {
  if (!readFileSync('/proc/1/cmdline', 'latin1').includes('/run/guest'))
    throw new Error('not in the small machine');
  execFileSync('mount', ['-t', 'securityfs', 'securityfs', '/sys/kernel/security']);
  const load = (name: string, mode: ProfileMode): void => {
    writeFileSync('/sys/kernel/security/apparmor/.replace', apparmorProfileBytes(name, mode));
  };
  const same = (is: unknown, wanted: unknown): unknown =>
    JSON.stringify(is) === JSON.stringify(wanted) ? undefined : is;
  // By the shell itself: what it executes has a profile of its own when only noted.
  const show = 'read -r label </proc/self/attr/current; echo $label; touch /written && echo wrote';

  await check('R-28 AppArmor is on, and SELinux is not', () => same(securityModules(), ['apparmor']));

  await check('R-28 a profile holds the program, from its first instruction', async () => {
    load('tsbuild-notes', 'complain');
    load('tsbuild-denies', 'enforce');
    const notes = await run(show, 'tsbuild-notes');
    const denies = await run(`echo still here; touch /written; echo > /file; echo $?`, 'tsbuild-denies');
    const fine =
      notes.output === 'tsbuild-notes (complain)\nwrote\n' &&
      denies.output.startsWith('still here\n') &&
      denies.output.includes("can't create /file: Permission denied") &&
      denies.output.endsWith('1\n');
    return fine ? undefined : { notes, denies };
  });

  await check('R-28 a profile that is not loaded is an error with its step', async () => {
    try {
      await run('true', 'tsbuild-absent');
      return 'it ran';
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      const fine = code === 'RUNTIME_SETUP' && /\(label\): write .*apparmor\/exec.*\(ENOENT\)$/.test(message);
      return fine ? undefined : message;
    }
  });

  await check('R-28 without one asked for it is tsbuild-default, once that is loaded', async () => {
    const choose = (option: readonly string[], privileged = false): string | undefined =>
      apparmorProfile(parseSecurityOptions(option), { privileged });
    requireSecurity(parseSecurityOptions(['apparmor=any']));
    const before = [choose([]), choose(['apparmor=own']), choose([], true)];
    load('tsbuild-default', 'complain');
    const after = [choose([]), choose(['apparmor=unconfined']), choose([], true)];
    const { output } = await run(show, choose([]));
    const open = await run(show, 'unconfined');
    return same(
      [before, after, output, open.output],
      [
        [undefined, 'own', 'unconfined'],
        ['tsbuild-default', 'unconfined', 'unconfined'],
        'tsbuild-default (complain)\nwrote\n',
        'unconfined\nwrote\n',
      ],
    );
  });
}
