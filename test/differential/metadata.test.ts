import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { busyboxName, busyboxTar } from '../support/busybox.ts';
import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import type { DockerClient } from '../support/docker-engine.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { dockerEngine } from '../support/shared-engine.ts';
import { tempFolder } from '../support/temp-folder.ts';

const lines = [
  `FROM ${busyboxName} AS parent`,
  'ARG VERSION=1.0',
  'ARG UNSET',
  'ENV A=1 B="two  words" C=\'$A\'',
  'RUN echo $VERSION "$B" > /shell',
  'RUN ["/bin/sh", "-c", "echo exec > /exec"]',
  'ARG A=from-arg',
  'RUN true',
  'LABEL one=1 "quoted key"="v $B"',
  'LABEL one=2',
  'WORKDIR w',
  'WORKDIR sub/../other',
  'WORKDIR /',
  'USER ada:staff',
  'VOLUME /v1 /v2',
  'VOLUME ["/v 3"]',
  'STOPSIGNAL SIGUSR1',
  'SHELL ["/bin/sh", "-ec"]',
  'CMD echo "$A" \\',
  '  more',
  'ENTRYPOINT ["/entry", "a \\"b\\"", "tab\\there", "ü"]',
  'MAINTAINER Ada <ada@example.org>',
  'ONBUILD RUN echo $HOME',
  'ONBUILD ENV TRIGGERED=yes',
  'USER 0',
  'COPY --chown=ada a b/ /c/',
  'COPY --from=parent-files /file ./rel',
  'ADD a /d',
  'EXPOSE 80 8080/udp 70-71',
  'HEALTHCHECK --interval=90s --retries=2 CMD echo "ok"',
];
const files = ['FROM scratch AS parent-files', 'COPY a /file'];
const dockerfile = [...files, ...lines, ''].join('\n');
const childDockerfile = 'FROM metadata:parent\nRUN true\nCMD ["child"]\n';

/** What the BuildKit of 20.10 wrote otherwise than later ones. */
const since: ReadonlyMap<string, string> = new Map([
  ['COPY a b/ /c/ # buildkit', 'COPY --chown=ada a b/ /c/ # buildkit'],
  ['EXPOSE map[70/tcp:{} 71/tcp:{} 80/tcp:{} 8080/udp:{}]', 'EXPOSE [70/tcp 71/tcp 80/tcp 8080/udp]'],
  [
    `HEALTHCHECK &{["CMD-SHELL" "echo \\"ok\\""] "1m30s" "0s" "0s" '\\x02'}`,
    'HEALTHCHECK {Test:[CMD-SHELL echo "ok"] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:2}',
  ],
]);

interface Config {
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly {
    readonly created_by?: string;
    readonly comment?: string;
    readonly empty_layer?: boolean;
  }[];
}

describe('config and history', () => {
  requires('root', 'overlay', 'docker', 'tool:busybox');
  let docker: DockerClient;
  let cli: Tsbuild;

  beforeAll(async () => {
    docker = await dockerEngine();
    cli = tsbuild();
    const { path } = tempFolder('metadata');
    // One base for both, to the byte.
    await docker.ok(['import', await busyboxTar(), busyboxName]);
    await docker.ok(['save', '-o', join(path, 'base.tar'), busyboxName]);
    await cli.ok(['load', '-i', join(path, 'base.tar')]);
    const context = makeContext({ Dockerfile: dockerfile, a: 'a', 'b/b': 'b' });
    await docker.build(context, { buildkit: true, tag: 'metadata:parent' });
    await cli.ok(['build', '-t', 'metadata:parent', context]);
    const child = makeContext({ Dockerfile: childDockerfile });
    await docker.build(child, { buildkit: true, tag: 'metadata:child' });
    await cli.ok(['build', '-t', 'metadata:child', child]);
  });

  async function configOf(save: (tar: string) => Promise<unknown>): Promise<Config> {
    const { path } = tempFolder('saved');
    await save(join(path, 'image.tar'));
    await runOk(['tar', '-xf', join(path, 'image.tar'), '-C', path]);
    const [image] = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as { Config: string }[];
    const { config, history } = JSON.parse(readFileSync(join(path, image?.Config ?? ''), 'utf8')) as Config;
    return {
      config,
      history: history.map(({ created_by = '', comment = '', empty_layer = false }) => ({
        created_by,
        comment,
        empty_layer,
      })),
    };
  }

  it.each(['parent', 'child'])('L-084 L-181 L-190 L-204 of %s are as BuildKit’s', async (name) => {
    const theirs = await configOf((tar) => docker.ok(['save', '-o', tar, `metadata:${name}`]));
    const ours = await configOf((tar) => cli.ok(['save', '-o', tar, `metadata:${name}`]));
    expect(ours.config).toEqual(
      Object.fromEntries(Object.entries(theirs.config).filter(([, value]) => value !== null)),
    );
    const today = theirs.history.map((entry) => ({
      ...entry,
      created_by: since.get(entry.created_by ?? '') ?? entry.created_by,
    }));
    expect(ours.history).toEqual(today);
  });
});
