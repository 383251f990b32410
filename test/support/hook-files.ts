import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder } from './temp-folder.ts';

export const hookStageNames = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;

/** A folder for `--hooks-dir`, by file name. */
export function hookFolder(files: Readonly<Record<string, unknown>>): string {
  const folder = join(tempFolder('hooks').path, 'hooks');
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  return folder;
}

/** A hook that runs a line of shell. */
export function shellHook(line: string, stages: readonly string[], more: object = {}): object {
  return {
    version: '1.0.0',
    hook: { path: '/bin/sh', args: ['sh', '-c', line], env: ['PATH=/usr/bin:/bin', 'A=b'], ...more },
    when: { always: true },
    stages,
  };
}

/**
 * For each stage a hook that writes down what it sees: the state it is given, its environment, where it is. Those on the
 * host write to the file `log`; the one in the container to `/hook.log`.
 */
export function tellingHooks(log: string): Readonly<Record<string, object>> {
  return Object.fromEntries(
    hookStageNames.map((stage) => [`${stage}.json`, shellHook(telling(stage, log), [stage])]),
  );
}

function telling(stage: string, log: string): string {
  const inside = stage === 'createContainer' || stage === 'startContainer';
  const pid = `sed 's/.*"pid":\\([0-9]*\\).*/\\1/;t;s/.*/none/'`;
  const status = `sed 's/.*"status":"\\([a-z]*\\)".*/\\1/'`;
  return [
    'state=$(cat)',
    `pid=$(echo "$state" | ${pid}); status=$(echo "$state" | ${status})`,
    // On the host no number is known before.
    inside ? '' : '[ "$pid" -gt 1 ] 2>/dev/null && pid=some',
    `line="${stage} $status $pid $(env | grep -c "^A=b$") $(echo "$state" | grep -c '"note":"x.y"')"`,
    `echo "$line" >> ${stage === 'startContainer' ? '/hook.log' : log}`,
  ].join('\n');
}
