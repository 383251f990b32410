import { checkedInstructions, type Subject } from '../subject.ts';
import type { Violation } from '../types.ts';
import { on } from './on.ts';

export function undefinedVar(subject: Subject): readonly Violation[] {
  const { globals, options } = subject;
  return checkedInstructions(subject).flatMap(({ instruction, undefinedNames }) =>
    undefinedNames.flatMap(({ name, suggestion }) => {
      const hint = suggestion === undefined ? '' : ` (did you mean $${suggestion}?)`;
      const global = globals.declared.has(name) || options.platformArgs.has(name);
      const detail = global ? `write ARG ${name} in this stage: global ARGs are not seen without` : undefined;
      return on(instruction, `$${name} is used, but nothing has set it${hint}`, detail);
    }),
  );
}

const secretWords = 'apikey|auth|credentials?|key|password|pword|passwd|secret|token';
const secretName = new RegExp(`(?:_|^)(?:${secretWords})(?:_|$)`, 'i');
const harmlessName = /(?:_|^)(?:public|file|version)(?:_|$)/i;

/** Names are all there is to go by; ARGs before the first FROM do not get into an image. */
export function secretsUsedInArgOrEnv(subject: Subject): readonly Violation[] {
  return checkedInstructions(subject).flatMap(({ instruction }) => {
    const names =
      instruction.kind === 'arg'
        ? instruction.args.map(({ name }) => name)
        : instruction.kind === 'env'
          ? instruction.pairs.map(({ name }) => name)
          : [];
    return names.flatMap((name) => {
      if (!secretName.test(name) || harmlessName.test(name)) return [];
      const keyword = instruction.kind.toUpperCase();
      return on(
        instruction,
        `${keyword} ${name} looks like a secret, and its value stays in the image`,
        'use RUN --mount=type=secret',
      );
    });
  });
}
