import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import { testRepository, type TestRepository } from './git-repository.ts';
import { startGitServer } from './git-server.ts';
import { checkOut, gitWorld } from './git-world.ts';
import { tempFolder } from './temp-folder.ts';
import { treeOfFolder, type TreeEntry } from './tree.ts';

/** One entry of a tree as `git mktree` takes it; git itself would write none of the hostile ones. */
export interface TreeLine {
  readonly mode: '100644' | '100755' | '120000' | '160000' | '040000';
  readonly id: string;
  readonly name: string;
}

export interface GitAttack {
  readonly repository: TestRepository;
  /** Stores a text and returns its id. */
  readonly blob: (text: string) => Promise<string>;
  /** Stores a tree of entries as they are, however wrong, and returns its id. */
  readonly tree: (lines: readonly TreeLine[]) => Promise<string>;
  /** Makes the tree a commit on `main`, and returns its id. */
  readonly commitTree: (tree: string) => Promise<string>;
  /** A file that stands beside everything the builder may write to. A program that runs would leave its mark there. */
  readonly canary: string;
  /** The folder of the canary. */
  readonly outside: string;
  /** Where `repository` and others in its folder are served. */
  readonly url: string;
  readonly folder: string;
}

export interface GitOutcome {
  readonly error: unknown;
  /** What was checked out. */
  readonly tree: readonly TreeEntry[];
}

/**
 * Fetches a hostile repository and proves that nothing ran and nothing beside the checkout has changed, whatever else
 * came of it. `query` goes to the end of its URL.
 */
export async function attackByGit(
  prepare: (attack: GitAttack) => Promise<void>,
  query = '',
): Promise<GitOutcome> {
  const { path } = tempFolder('hostile');
  const served = join(path, 'served');
  mkdirSync(served);
  await using server = await startGitServer(served);
  const repository = await testRepository(served, 'evil');
  const canary = join(path, 'canary');
  writeFileSync(canary, 'alive');
  const put = async (kind: readonly string[], text: string): Promise<string> => {
    const file = join(path, 'object');
    writeFileSync(file, text, 'latin1');
    return repository.git('hash-object', '-w', '--literally', ...kind, file);
  };
  await prepare({
    repository,
    canary,
    outside: path,
    folder: served,
    url: `${server.url}/evil.git`,
    blob: (text) => put(['-t', 'blob', '--no-filters'], text),
    tree: (lines) => put(['-t', 'tree'], lines.map(treeLine).join('')),
    async commitTree(tree) {
      const commit = await repository.git('commit-tree', '-m', 'evil', tree);
      await repository.git('update-ref', 'refs/heads/main', commit);
      return commit;
    },
  });
  const { fetcher } = gitWorld();
  const before = readdirSync(path).sort();
  let error: unknown;
  let tree: readonly TreeEntry[] = [];
  try {
    const folder = await checkOut(fetcher, `${server.url}/evil.git${query}`);
    tree = await treeOfFolder(folder);
  } catch (thrown) {
    error = thrown;
  }
  expect(readFileSync(canary, 'utf8')).toBe('alive');
  expect(readdirSync(path).sort()).toEqual(before);
  expect(existsSync(`${canary}.ran`)).toBe(false);
  return { error, tree };
}

/** The attack is refused as what it is: foreign data, and no defect. */
export function expectRefused({ error }: GitOutcome, message: string): void {
  expect(error).toBeInstanceOf(TsbuildError);
  expect(error).toMatchObject({
    code: 'SOURCE_INVALID',
    message: expect.stringContaining(message) as unknown,
  });
}

/** `git-write-tree`'s format: mode, blank, name, NUL, the id's bytes. */
function treeLine({ mode, id, name }: TreeLine): string {
  return `${mode.replace(/^0/, '')} ${name}\0${Buffer.from(id, 'hex').toString('latin1')}`;
}
