import { styleText } from 'node:util';

import { Option, type Command } from 'commander';

import type { BuildForecast } from '../../plan.ts';
import { addRunStepOptions } from '../build-runs.ts';
import { addSourceOptions } from '../build-sources.ts';
import { examples, makeCommand } from '../command.ts';
import { interruptSignal } from '../interrupt.ts';
import { addPlanningOptions, planningOptionsOf, type PlanningFlags } from '../planning-flags.ts';
import { warningsOnly } from '../progress/warnings.ts';
import { storeRoot } from '../root.ts';
import type { Paint } from '../plan/tree.ts';

const formats = ['tree', 'json', 'mermaid', 'dot'] as const;

interface PlanFlags extends PlanningFlags {
  readonly format: (typeof formats)[number];
}

export function planCommand(): Command {
  const command = makeCommand('plan', 'Show what a build would run and why, and run nothing');
  addRunStepOptions(addSourceOptions(addPlanningOptions(command))).addOption(
    new Option('--format <tree|json|mermaid|dot>', 'how to print the steps').choices(formats).default('tree'),
  );
  command.addHelpText(
    'after',
    examples([
      ['tsbuild plan .', 'what is cached, what would run, and why'],
      ['tsbuild plan --target test --build-arg DEBUG=1 .', 'the same for one stage, with a build arg'],
      ['tsbuild plan --format json . | jq .summary', 'for programs'],
      ['tsbuild plan --format dot . | dot -Tsvg > plan.svg', 'as a picture'],
    ]),
  );
  return command.action(async (context: string, flags: PlanFlags) => {
    const { planBuild } = await import('../../plan.ts');
    using interrupt = interruptSignal();
    const forecast = await planBuild({
      ...(await planningOptionsOf(flags, context)),
      root: storeRoot(command),
      context,
      signal: interrupt.signal,
      emit: warningsOnly(),
    });
    process.stdout.write(await planText(forecast, flags.format));
  });
}

async function planText(forecast: BuildForecast, format: PlanFlags['format']): Promise<string> {
  switch (format) {
    case 'tree': {
      const { treeText } = await import('../plan/tree.ts');
      const width = process.stdout.isTTY ? process.stdout.columns : undefined;
      return treeText(forecast, { width, paint });
    }
    case 'json': {
      const { planJson } = await import('../plan/json.ts');
      return planJson(forecast);
    }
    case 'mermaid': {
      const { mermaidText } = await import('../plan/graphs.ts');
      return mermaidText(forecast);
    }
    case 'dot': {
      const { dotText } = await import('../plan/graphs.ts');
      return dotText(forecast);
    }
  }
}

const looks = {
  heading: 'bold',
  dim: 'dim',
  cached: 'green',
  run: 'yellow',
  maybe: 'cyan',
  unneeded: 'dim',
} as const satisfies Readonly<Record<Parameters<Paint>[0], Parameters<typeof styleText>[0]>>;

/** Colours on a terminal that shows them, unless NO_COLOR says otherwise. */
const paint: Paint = (look, text) => styleText(looks[look], text, { stream: process.stdout });
