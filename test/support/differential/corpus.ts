import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../paths.ts';

export const corpusFolder = join(projectRoot, 'fixtures/differential');

/** Cases that share what their contexts and bases start from: one file of the corpus. */
export interface Area {
  readonly name: string;
  /** Shell lines that add to the root of the busybox base. */
  readonly base: string;
  /** Shell lines that make the context, in an empty folder. */
  readonly context: string;
  readonly cases: readonly Case[];
}

export interface Case {
  readonly name: string;
  /** Rows of the checklist, then words. */
  readonly title: string;
  /** Shell lines that change this case's own copy of the context. */
  readonly shell: string;
  /** Of the command line, the same for all builders. */
  readonly flags: readonly string[];
  /** Of the client's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** No engine at hand knows it: the answer is written by hand. */
  readonly byHand: boolean;
  /** In order; the last is the case's own, those before it have names to build from. */
  readonly images: readonly CaseImage[];
}

export interface CaseImage {
  readonly name: string | undefined;
  /** Empty where the context has its own. */
  readonly dockerfile: string;
}

export function readCorpus(): Area[] {
  return readdirSync(corpusFolder)
    .filter((file) => file.endsWith('.txt') && file !== 'intended.txt')
    .sort()
    .map((file) => parseArea(file.slice(0, -'.txt'.length), readFileSync(join(corpusFolder, file), 'utf8')));
}

/** fixtures/differential/README.md has the format. */
export function parseArea(name: string, text: string): Area {
  const [, ...blocks] = text.split(/^## /m);
  const section = (title: string): string =>
    blocks.find((each) => each.startsWith(`${title}\n`))?.slice(title.length + 1) ?? '';
  const cases = blocks.filter((block) => !/^(?:base|context)\n/.test(block)).map(parseCase);
  const names = cases.map((each) => each.name);
  const twice = names.find((each, at) => names.indexOf(each) !== at);
  if (twice !== undefined) throw new Error(`${name}.txt: two cases called ${twice}`);
  return { name, base: section('base'), context: section('context'), cases };
}

function parseCase(block: string): Case {
  const [header = '', ...rest] = block.split('\n');
  const [, name = '', title = ''] = /^(\S+) +(.+)$/.exec(header) ?? [];
  if (name === '') throw new Error(`a case needs a name and a title: ${header}`);
  const settings: string[] = [];
  while (/^(sh|flags|env|engine): /.test(rest[0] ?? '')) settings.push(rest.shift() ?? '');
  const valuesOf = (key: string): string[] =>
    settings.flatMap((line) => (line.startsWith(`${key}: `) ? [line.slice(key.length + 2)] : []));
  const words = valuesOf('flags').flatMap((line) => line.match(/(?:"[^"]*"|[^\s"])+/g) ?? []);
  return {
    name,
    title,
    shell: valuesOf('sh').join('\n'),
    flags: words.map((word) => word.replaceAll('"', '')),
    env: Object.fromEntries(
      valuesOf('env').map((line): [string, string] => [
        line.replace(/=.*/s, ''),
        line.replace(/^[^=]*=/, ''),
      ]),
    ),
    byHand: valuesOf('engine').includes('none'),
    images: imagesOf(rest.join('\n').trimEnd()),
  };
}

function imagesOf(text: string): CaseImage[] {
  // A line `--- NAME` stands above the Dockerfile of the image NAME, a bare `---` above the case's own.
  const parts = text.split(/^(?=---(?: |$))/m).filter((part) => part.trim() !== '');
  const images = parts.map((part): CaseImage => {
    const [, name = '', body = part] = /^--- *(\S*)\n(.*)$/s.exec(part) ?? [];
    return { name: name === '' ? undefined : name, dockerfile: withBase(body) };
  });
  return images.length === 0 ? [{ name: undefined, dockerfile: '' }] : images;
}

/** Most cases are about one line: one without FROM stands on the base. */
function withBase(dockerfile: string): string {
  const body = dockerfile.trimEnd();
  if (body === '') return '';
  const first = body.split('\n').find((line) => !/^\s*(?:#|ARG\b|$)/i.test(line)) ?? '';
  return /^\s*FROM\b/i.test(first) ? `${body}\n` : `FROM base\n${body}\n`;
}
