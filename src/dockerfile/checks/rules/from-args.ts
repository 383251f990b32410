import { traceWord } from '../expansion.ts';
import { globalArgsOf } from '../globals.ts';
import { stageNamed } from '../stages.ts';
import type { Subject } from '../subject.ts';
import type { Violation } from '../types.ts';
import { on } from './on.ts';

export function undefinedArgInFrom({ froms, globals, suggest }: Subject): readonly Violation[] {
  const known = new Set([...globals.values.keys(), ...globals.declared.keys()]);
  return froms.flatMap(({ stage, image, platform }) => {
    const missing = new Set([...(image?.missing ?? []), ...(platform?.missing ?? [])]);
    return [...missing].flatMap((name) => {
      if (known.has(name)) return [];
      const near = suggest(name, known);
      const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
      return on(
        stage.from,
        `FROM uses ${name}, which no ARG declares${hint}`,
        'FROM sees only ARGs that stand before the first FROM',
      );
    });
  });
}

/** A file should build without any --build-arg. */
export function invalidDefaultArgInFrom({ dockerfile, options }: Subject): readonly Violation[] {
  const { values } = globalArgsOf(dockerfile, options.platformArgs, new Map());
  const { escape } = dockerfile.directives;
  return dockerfile.stages.flatMap((stage) => {
    const image = traceWord(stage.from.image, (name) => values.get(name), escape);
    if (image === undefined || image.matched.size + image.missing.size === 0) return [];
    if (options.isImageName(image.value)) return [];
    if (image.value !== '' && stageNamed(dockerfile, image.value, stage.index) !== undefined) return [];
    const result = image.value === '' ? 'nothing' : JSON.stringify(image.value);
    return on(
      stage.from,
      `the defaults of the ARGs make ${JSON.stringify(stage.from.image)} ${result}, which names no image`,
      'give the ARG a default that works',
    );
  });
}
