export interface StepOutcomes {
  /** Names of the steps that were answered from the cache, in order of their start. */
  readonly cached: readonly string[];
  /** Names of those that ran to their end. */
  readonly ran: readonly string[];
}

/** What the lines `#N NAME`, `#N CACHED`, `#N DONE` of a build say about RUN, COPY, ADD and WORKDIR steps. */
export function stepOutcomes(progress: string): StepOutcomes {
  const names = new Map<string, string>();
  const outcomes = { cached: [] as string[], ran: [] as string[] };
  for (const line of progress.split('\n')) {
    const [, number = '', text = ''] = /^#(\d+) (.*)$/.exec(line) ?? [];
    const name = names.get(number);
    if (name === undefined) {
      const instruction = /\b(?:RUN|COPY|ADD|WORKDIR) .*/.exec(text);
      if (instruction !== null) names.set(number, instruction[0]);
    } else if (text === 'CACHED') outcomes.cached.push(name);
    else if (text.startsWith('DONE ')) outcomes.ran.push(name);
  }
  return outcomes;
}
