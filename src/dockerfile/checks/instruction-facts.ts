import { expandWords } from '../expand.ts';
import { resolveMount } from '../mount.ts';
import type { Lookup } from '../shell-lexer.ts';
import type {
  AddInstruction,
  ArgInstruction,
  CopyInstruction,
  RunInstruction,
  RunMount,
  StageInstruction,
} from '../types.ts';
import { trace, traceHeredoc, traceWord } from './expansion.ts';
import type { Suggest } from './suggest.ts';
import type { ArgFacts, Expansion, InstructionFacts, UndefinedName } from './types.ts';

/** What the words of one place of a stage see; changed as the stage goes on. */
export interface Scope {
  readonly values: Map<string, string>;
  /** ARGs of the stage and its bases, with a value or not. */
  readonly declared: Set<string>;
  /** Whether every name that may have a value is known. */
  readonly complete: boolean;
  shellSet: boolean;
  workdirSet: boolean;
}

export interface FileFacts {
  readonly escape: '\\' | '`';
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly globals: ReadonlyMap<string, string>;
  /** Every name that any ARG or ENV of the file sets. */
  readonly setSomewhere: ReadonlySet<string>;
  readonly suggest: Suggest;
}

/** Builds steer these, no command sees them. */
const builderArgs = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

/** The facts of one instruction; afterwards the scope is that of the next one. */
export function readInstruction(
  file: FileFacts,
  scope: Scope,
  instruction: StageInstruction,
): InstructionFacts {
  const undefinedNames = new Map<string, UndefinedName>();
  const note = (expansion: Expansion | undefined): string | undefined => {
    for (const name of expansion?.missing ?? []) {
      const found = undefinedNames.has(name) ? undefined : undefinedName(file, scope, name);
      if (found !== undefined) undefinedNames.set(name, found);
    }
    return expansion?.value;
  };
  const lookup: Lookup = (name) => scope.values.get(name);
  const expand = (word: string): string | undefined => note(traceWord(word, lookup, file.escape));
  const { shellSet, workdirSet } = scope;
  const expanded = expandInstruction(instruction, { file, scope, lookup, expand, note });
  if (instruction.kind === 'shell') scope.shellSet = true;
  if (instruction.kind === 'workdir') scope.workdirSet = true;
  for (const [name, value] of expanded.assigned ?? []) scope.values.set(name, value);
  return {
    instruction,
    undefinedNames: [...undefinedNames.values()],
    contextPaths: expanded.contextPaths ?? [],
    ports: expanded.ports ?? [],
    workdir: expanded.workdir,
    mounts: expanded.mounts ?? [],
    args: expanded.args ?? [],
    shellSet,
    workdirSet,
  };
}

interface Expander {
  readonly file: FileFacts;
  readonly scope: Scope;
  readonly lookup: Lookup;
  readonly expand: (word: string) => string | undefined;
  readonly note: (expansion: Expansion | undefined) => string | undefined;
}

interface Expanded {
  readonly assigned?: readonly (readonly [name: string, value: string])[];
  readonly contextPaths?: readonly string[];
  readonly ports?: readonly string[];
  readonly workdir?: string | undefined;
  readonly mounts?: readonly RunMount[];
  readonly args?: readonly ArgFacts[];
}

/** The words that BuildKit expands, and no others: commands of RUN and CMD are for their shell. */
function expandInstruction(instruction: StageInstruction, expander: Expander): Expanded {
  const { expand, file, lookup } = expander;
  switch (instruction.kind) {
    case 'arg':
      return { args: readArgs(instruction, expander) };
    case 'env':
      return {
        assigned: instruction.pairs.map(
          ({ name, value }) => [expand(name) ?? name, expand(value) ?? ''] as const,
        ),
      };
    case 'label':
      for (const { name, value } of instruction.pairs) [name, value].forEach(expand);
      return {};
    case 'copy':
    case 'add':
      return { contextPaths: readCopy(instruction, expander) };
    case 'run':
      return { mounts: readMounts(instruction, expander) };
    case 'expose': {
      // Unset names are not reported here, as BuildKit does not.
      const ports = instruction.ports.flatMap((port) => {
        const words: string[] = [];
        trace(lookup, (traced) => {
          words.push(...expandWords(port, traced, { escape: file.escape }));
          return '';
        });
        return words;
      });
      return { ports };
    }
    case 'workdir':
      return { workdir: expand(instruction.path) };
    case 'user':
      expand(instruction.user);
      return {};
    case 'stopsignal':
      expand(instruction.signal);
      return {};
    case 'volume':
      instruction.paths.forEach(expand);
      return {};
    case 'cmd':
    case 'entrypoint':
    case 'shell':
    case 'healthcheck':
    case 'onbuild':
    case 'maintainer':
      return {};
  }
}

/** Each name counts from the next one on. */
function readArgs(instruction: ArgInstruction, { file, scope, expand }: Expander): readonly ArgFacts[] {
  return instruction.args.map(({ name, value: written }) => {
    const given = file.buildArgs.get(name);
    const inherited = given === undefined && written === undefined && file.globals.has(name);
    const value = given ?? (written === undefined ? file.globals.get(name) : expand(written));
    scope.declared.add(name);
    if (value !== undefined && !builderArgs.has(name)) scope.values.set(name, value);
    return { name, value, inherited };
  });
}

function readCopy(
  instruction: CopyInstruction | AddInstruction,
  { expand, note, lookup }: Expander,
): readonly string[] {
  const paths = instruction.sources.flatMap((source) => {
    if (source.kind === 'path') return expand(source.path) ?? [];
    if (source.heredoc.expand) note(traceHeredoc(source.heredoc.content, lookup));
    return [];
  });
  const { destination, chown, chmod, exclude } = instruction;
  for (const word of [destination, chown, chmod, ...exclude]) if (word !== undefined) expand(word);
  if (instruction.kind === 'copy') return instruction.from === undefined ? paths : [];
  if (instruction.checksum !== undefined) expand(instruction.checksum);
  return paths.filter((path) => !/^[a-z][a-z0-9+.-]*:\/\/|^git@/i.test(path));
}

function readMounts(
  instruction: RunInstruction,
  { expand, lookup, note, file }: Expander,
): readonly RunMount[] {
  return instruction.mounts.flatMap((mount) => {
    let resolved: RunMount | undefined;
    const expansion = trace(lookup, (traced) => {
      resolved = resolveMount(mount, (word) => traceWord(word, traced, file.escape)?.value ?? word);
      return '';
    });
    if (expansion !== undefined) note(expansion);
    else for (const { value } of mount.options) if (value !== undefined) expand(value);
    return resolved?.type === 'secret' || resolved?.type === 'ssh' ? [resolved] : [];
  });
}

/** With an unknown base image only what is most likely a mistake: a name close to a known one, or set elsewhere in the file. */
function undefinedName(file: FileFacts, scope: Scope, name: string): UndefinedName | undefined {
  if (scope.declared.has(name) || builderArgs.has(name)) return undefined;
  const suggestion = file.suggest(name, scope.values.keys());
  if (scope.complete || suggestion !== undefined || file.setSomewhere.has(name)) return { name, suggestion };
  return undefined;
}
