import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxRootfs } from '../busybox.ts';
import { runOk } from '../run-command.ts';
import { treeOfFolder, type TreeEntry } from '../tree.ts';
import { answerOf, contextTime, refusal, type Answer } from './answer.ts';
import type { Area, Case } from './corpus.ts';
import type { SavedImage } from './saved-image.ts';

/** One of those compared. */
export interface Builder {
  /** With its version: `docker 28.5.2 buildkit`. */
  readonly name: string;
  /** Makes an image of the tar of a root file system. */
  importBase(tar: string, name: string): Promise<unknown>;
  /** Undefined when it built, else what it said. */
  build(request: BuildRequest): Promise<string | undefined>;
  /** Reads an image that it built, with an empty folder to do so in. */
  read(name: string, folder: string): Promise<SavedImage>;
}

export interface BuildRequest {
  readonly context: string;
  /** Undefined for the context's own. */
  readonly file: string | undefined;
  readonly tag: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** An area's files, made once; builders share them. */
export interface PreparedArea {
  readonly area: Area;
  readonly folder: string;
  readonly baseTar: string;
  readonly baseTree: readonly TreeEntry[];
  readonly context: string;
}

/** What cases run; the tree of every image is read, and hundreds of names would cost more than all the rest. */
const applets = new Set(
  (
    'busybox [ awk cat chmod chown cp cut echo env false grep head hostname id ln ls mkdir mkfifo mknod mv printf ' +
    'pwd rm rmdir sed sh sort stat tail test touch tr true vi wc'
  ).split(' '),
);

/** Makes an area's base and context below an empty folder. */
export async function prepareArea(area: Area, folder: string): Promise<PreparedArea> {
  const [base, context, baseTar] = [join(folder, 'base'), join(folder, 'context'), join(folder, 'base.tar')];
  mkdirSync(base);
  await busyboxRootfs(base);
  for (const name of readdirSync(join(base, 'bin'))) {
    if (!applets.has(name)) rmSync(join(base, 'bin', name));
  }
  await shell(area.base, base);
  await runOk(['tar', '--numeric-owner', '--sort=name', '--xattrs', '-C', base, '-cf', baseTar, '.']);
  mkdirSync(context);
  await shell(area.context, context);
  return { area, folder, baseTar, baseTree: await treeOfFolder(base, { times: true }), context };
}

/** Builds a case whose area's base the builder has, and reads what came of it. */
export async function answerTo(
  builder: Builder,
  asked: Case,
  { prepared, server }: { readonly prepared: PreparedArea; readonly server: string },
): Promise<Answer> {
  const folder = mkdtempSync(join(prepared.folder, `${asked.name}-`));
  const context = asked.shell === '' ? prepared.context : join(folder, 'context');
  if (asked.shell !== '') {
    await runOk(['cp', '-a', prepared.context, context]);
    await shell(asked.shell, context);
  }
  const away = (text: string): string => text.replaceAll(serverName, server);
  const tag = `${prepared.area.name}-${asked.name}`.toLowerCase();
  for (const { name = tag, dockerfile } of asked.images) {
    const file = dockerfile === '' ? undefined : join(folder, `${name}.Dockerfile`);
    if (file !== undefined) writeFileSync(file, away(dockerfile));
    const own = name === tag ? { flags: asked.flags.map(away), env: asked.env } : { flags: [], env: {} };
    const message = await builder.build({ context, file, tag: name, ...own });
    if (message === undefined) continue;
    if (name === tag) return refusal(message.replaceAll(server, serverName));
    throw new Error(`${asked.name}: ${name} cannot be built: ${message}`);
  }
  const image = join(folder, 'image');
  mkdirSync(image);
  const answer = answerOf(await builder.read(tag, image), prepared.baseTree);
  return { lines: answer.lines.map((line) => line.replaceAll(server, serverName)) };
}

/** What stands for the test's own HTTP server in the corpus: its port is another every time. */
const serverName = 'http://server';

async function shell(script: string, cwd: string): Promise<void> {
  const dated = `${script}\nfind . -exec touch -h -d ${contextTime} {} +`;
  await runOk(['bash', '-euc', `umask 022\n${dated}`], { cwd });
}
