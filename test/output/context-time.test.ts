import { describe, expect, it } from 'vitest';

import { buildTo } from '../support/build-to.ts';
import { firstCommitTime, testRepository } from '../support/git-repository.ts';
import { startGitServer } from '../support/git-server.ts';
import { answer, serve } from '../support/http-server.ts';
import { makeTar } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

const dockerfile = 'FROM scratch\nARG SOURCE_DATE_EPOCH\nENV EPOCH=$SOURCE_DATE_EPOCH\nCOPY Dockerfile /\n';

interface Seen {
  readonly created: string | undefined;
  readonly env: readonly string[] | undefined;
}

async function seen(context: string, buildArgs: ReadonlyMap<string, string>): Promise<Seen> {
  const { image } = await buildTo({ dockerfile: '', context, buildArgs, to: ['type=cacheonly'] });
  return { created: image.config.created, env: image.config.config?.Env };
}

describe('SOURCE_DATE_EPOCH=context', () => {
  requires('root', 'overlay', 'tool:git');
  const context = new Map([['SOURCE_DATE_EPOCH', 'context']]);

  it('O-51 is the time of the commit of a git context, which the Dockerfile sees', async () => {
    const folder = tempFolder('git').path;
    const repository = await testRepository(folder, 'app');
    await repository.commit({ Dockerfile: dockerfile });
    await using server = await startGitServer(folder);
    expect(await seen(`${server.url}/app.git#main`, context)).toMatchObject({
      created: new Date(firstCommitTime * 1000).toISOString(),
      env: expect.arrayContaining([`EPOCH=${firstCommitTime}`]) as string[],
    });
  });

  it('O-51 is when an archive behind a URL was changed, and nothing where nobody says so', async () => {
    const tar = makeTar([{ path: 'Dockerfile', body: `ARG SOURCE_DATE_EPOCH=context\n${dockerfile}` }]);
    const latin1 = tar.toString('latin1');
    await using dated = await serve(answer(latin1, { 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' }));
    expect(await seen(`${dated.origin}/a.tar`, new Map())).toMatchObject({
      created: '2015-10-21T07:28:00.000Z',
    });
    await using undated = await serve(answer(latin1));
    await expect(seen(`${undated.origin}/a.tar`, context)).rejects.toMatchObject({ code: 'USAGE' });
  });
});
