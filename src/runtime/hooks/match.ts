import type { HooksConfig } from '../../oci/runtime-spec.ts';
import { mergeHooks } from './merge.ts';
import type { HookFile } from './schema.ts';

/** What hooks are chosen by. */
export interface HookSubject {
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** The program and its arguments. */
  readonly args: readonly string[];
  /** The user asked for mounts of the host's files. */
  readonly hasBindMounts: boolean;
}

/** The hooks of a container: those all of whose conditions hold (oci-hooks(5), "when"). */
export function matchHooks(files: readonly HookFile[], subject: HookSubject): HooksConfig {
  return mergeHooks(
    files
      .filter(({ when }) => holds(when, subject))
      .map(({ hook, stages }) => Object.fromEntries(stages.map((stage) => [stage, [hook]]))),
  );
}

/** An empty list is no condition, and a file without any is for no container. */
function holds(
  { always, annotations = [], commands = [], hasBindMounts }: HookFile['when'],
  subject: HookSubject,
): boolean {
  const [command = ''] = subject.args;
  const given = Object.entries(subject.annotations ?? {});
  const conditions = [
    ...(always === undefined ? [] : [always]),
    ...(hasBindMounts === undefined ? [] : [hasBindMounts && subject.hasBindMounts]),
    ...annotations.map(({ key, value }) => given.some(([name, text]) => key.test(name) && value.test(text))),
    ...(commands.length === 0 ? [] : [commands.some((pattern) => pattern.test(command))]),
  ];
  return conditions.length > 0 && conditions.every(Boolean);
}
