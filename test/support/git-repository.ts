import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { runOk } from './run-command.ts';

/** A file's text; a program's; a symlink's target. */
export type GitFile = string | { readonly program: string } | { readonly link: string };

/** A repository with a work tree, driven by git itself. */
export interface TestRepository {
  /** `<name>.git`, as it is called below the server's address. */
  readonly folder: string;
  git(...args: readonly string[]): Promise<string>;
  /** Adds files and commits; each commit is dated a minute after the one before, from 2020-01-01 on. Returns its id. */
  commit(files: Readonly<Record<string, GitFile>>, message?: string): Promise<string>;
}

/** Of all commits: the first one's time. */
export const firstCommitTime = Date.UTC(2020, 0, 1) / 1000;

/** Makes `<name>.git` below the folder, on the branch `main`. */
export async function testRepository(
  parent: string,
  name: string,
  { format = 'sha1' }: { readonly format?: 'sha1' | 'sha256' } = {},
): Promise<TestRepository> {
  const folder = join(parent, `${name}.git`);
  mkdirSync(folder, { recursive: true });
  let commits = 0;
  const run = (...args: readonly string[]): Promise<string> => {
    const date = `${firstCommitTime + commits * 60} +0000`;
    return runOk(['git', '-C', folder, ...args], {
      env: {
        PATH: process.env['PATH'],
        HOME: '/nonexistent',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_AUTHOR_DATE: date,
        GIT_COMMITTER_DATE: date,
        GIT_AUTHOR_NAME: 'A',
        GIT_AUTHOR_EMAIL: 'a@example.com',
        GIT_COMMITTER_NAME: 'A',
        GIT_COMMITTER_EMAIL: 'a@example.com',
        GIT_ALLOW_PROTOCOL: 'http:file',
      },
    });
  };
  await run('init', '--quiet', '--initial-branch=main', `--object-format=${format}`, '.');
  return {
    folder,
    git: run,
    async commit(files, message = 'change') {
      for (const [path, file] of Object.entries(files)) put(join(folder, path), file);
      await run('add', '--all', '--force');
      await run('commit', '--quiet', '--allow-empty', '-m', message);
      commits++;
      return run('rev-parse', 'HEAD');
    },
  };
}

function put(path: string, file: GitFile): void {
  mkdirSync(dirname(path), { recursive: true });
  if (typeof file === 'string') writeFileSync(path, file);
  else if ('link' in file) symlinkSync(file.link, path);
  else {
    writeFileSync(path, file.program);
    chmodSync(path, 0o755);
  }
}
