import { beforeAll } from 'vitest';
import { tsbuildWithBusybox, type Tsbuild } from './cli.ts';
import { makeContext } from './context.ts';
import { runOk } from './run-command.ts';

/** A build with every kind of what the cache keeps but remote sources: two stages, a copy, a cache mount. */
export const careDockerfile = `FROM busybox:1 AS tools
RUN head -c 300000 /dev/zero > /tool
FROM busybox:1
COPY file /file
RUN --mount=type=cache,id=objects,target=/cache head -c 200000 /dev/zero > /cache/object && echo made > /made
COPY --from=tools /tool /tool
`;

export interface CareCli {
  readonly cli: Tsbuild;
  readonly context: string;
  /** Builds the context as `app`; what its steps were, by how they fared. */
  build(): Promise<{ readonly ran: number; readonly cached: number }>;
  /** The lines of a command that prints JSON, one object each. */
  rows<T>(...args: readonly string[]): Promise<readonly T[]>;
  /** Bytes of the store as du(1) counts them. */
  diskUse(): Promise<number>;
}

/** A command line whose store holds busybox, and a context to build. */
export async function careCli(): Promise<CareCli> {
  const cli = await tsbuildWithBusybox();
  const context = makeContext({ Dockerfile: careDockerfile, file: 'content' });
  return {
    cli,
    context,
    async build() {
      const { status, stdout, stderr } = await cli.run(['build', '--progress=plain', '-t', 'app', context]);
      if (status !== 0) throw new Error(stderr);
      const lines = `${stdout}${stderr}`.split('\n');
      const count = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length;
      return { ran: count(/^#\d+ DONE/), cached: count(/^#\d+ CACHED/) };
    },
    async rows<T>(...args: readonly string[]) {
      const text = await cli.ok(args);
      return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as T]));
    },
    diskUse: async () => Number((await runOk(['du', '-s', '--block-size=1', cli.root])).split('\t')[0]),
  };
}

/** The same, made before the tests of a file. */
export function careCliBefore(): { readonly care: CareCli } {
  const held: { care?: CareCli } = {};
  beforeAll(async () => {
    held.care = await careCli();
  });
  return {
    get care() {
      if (held.care === undefined) throw new Error('used before the tests began');
      return held.care;
    },
  };
}
