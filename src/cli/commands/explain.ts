import { resolve } from 'node:path';
import { styleText } from 'node:util';

import { Option, type Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { LastBuild } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { examples, makeCommand } from '../command.ts';
import type { ExplainPaint } from '../explain/text.ts';
import { storeRoot } from '../root.ts';
import { withStore } from '../with-store.ts';

interface ExplainFlags {
  readonly file?: string;
  readonly context: string;
  readonly format: 'text' | 'json';
}

export function explainCommand(): Command {
  const command = makeCommand('explain', 'Show why the steps of the last build ran, or did not')
    .argument('[step]', 'its label (build 2/5, build/2, 2) or part of its name: with every change')
    .option('-f, --file <path>', 'Dockerfile of the build (default: any of the context)')
    .option('--context <path>', 'context of the build', '.')
    .addOption(
      new Option('--format <text|json>', 'how to print it').choices(['text', 'json']).default('text'),
    );
  command.addHelpText(
    'after',
    examples([
      ['tsbuild explain', 'the last build of this folder'],
      ['tsbuild explain build/3', 'one step, with the name of each file that changed'],
      ['tsbuild explain "npm ci"', 'the steps with that in their names'],
      ['tsbuild explain --format json | jq .steps', 'for programs'],
    ]),
  );
  return command.action(async (step: string | undefined, flags: ExplainFlags) => {
    const build = await withStore(storeRoot(command), (store) => findBuild(store, flags));
    const { selectSteps } = await import('../explain/select.ts');
    const shown = selectSteps(build, step);
    if (flags.format === 'json') {
      const { explainJson } = await import('../explain/json.ts');
      process.stdout.write(explainJson(build, shown));
      return;
    }
    const { explainText } = await import('../explain/text.ts');
    process.stdout.write(explainText(build, shown, { now: Date.now(), paint }));
  });
}

async function findBuild(store: Store, { file, context }: ExplainFlags): Promise<LastBuild> {
  const { lastBuilds } = await import('../../ops/index.ts');
  const { buildPlace } = await import('../../planned-build.ts');
  const builds = await lastBuilds(store);
  const [at, of] = [buildPlace(context), file === undefined ? undefined : resolve(file)];
  const found = builds.find((build) => build.context === at && (of === undefined || build.file === of));
  if (found !== undefined) return found;
  const [newest] = builds;
  const hint =
    newest === undefined
      ? 'nothing was built in this store; `tsbuild plan` says what a build would do'
      : `the newest build in this store was of ${newest.context}: tsbuild explain --context ${newest.context}`;
  throw new TsbuildError('USAGE', `no build is known of ${of ?? at}`, { hint });
}

const looks = { dim: 'dim', cached: 'green', done: 'yellow', failed: 'red', cancelled: 'dim' } as const;

const paint: ExplainPaint = (look, text) => styleText(looks[look], text, { stream: process.stdout });
