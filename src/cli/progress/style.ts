import { Option } from 'commander';

import { TsbuildError, type BuildEvent } from '../../core/index.ts';
import { plainProgress, type PlainOptions, type Progress } from './plain.ts';
import { rawJsonProgress } from './raw-json.ts';

export const progressStyles = ['auto', 'plain', 'rawjson', 'quiet', 'none'] as const;
export type ProgressStyle = (typeof progressStyles)[number];

export function progressOption(): Option {
  return new Option(
    '--progress <style>',
    'auto, plain, rawjson (docs/progress.md), quiet (as -q) or none (env BUILDKIT_PROGRESS; default: auto)',
  ).choices(progressStyles);
}

/** The flag, else what the environment says (C-09), which is checked like it. Throws USAGE. */
export function progressStyle(flags: {
  readonly progress?: ProgressStyle;
  readonly quiet?: boolean;
}): ProgressStyle {
  if (flags.quiet === true) return 'quiet';
  if (flags.progress !== undefined) return flags.progress;
  const named = process.env['BUILDKIT_PROGRESS'] ?? '';
  // `tty` asks for what a terminal gets by default.
  const style = named === '' || named === 'tty' ? 'auto' : progressStyles.find((each) => each === named);
  if (style !== undefined) return style;
  throw new TsbuildError('USAGE', `BUILDKIT_PROGRESS: invalid value ${JSON.stringify(named)}`, {
    hint: `expected one of ${progressStyles.join(', ')}`,
  });
}

export function progressOf(
  style: ProgressStyle,
  write: (text: string) => void,
  options: PlainOptions = {},
): Progress {
  switch (style) {
    case 'auto':
    case 'plain':
      return plainProgress(write, options);
    case 'rawjson':
      return rawJsonProgress(write);
    case 'quiet':
    case 'none':
      return silentProgress();
  }
}

/** Shows nothing but, in the end, what a step wrote that failed. */
function silentProgress(): Progress {
  const hidden = plainProgress(() => undefined);
  return { failure: () => hidden.failure(), handle: (event: BuildEvent) => hidden.handle(event) };
}
