import type { StageInstruction } from '../../dockerfile/types.ts';
import { locatedAsync } from '../place.ts';
import { withHistory, type StageContext, type StageState } from '../stage.ts';
import { applyArg } from './arg.ts';
import { applyCopy } from './copy.ts';
import {
  applyCmd,
  applyEntrypoint,
  applyEnv,
  applyExpose,
  applyHealthcheck,
  applyLabel,
  applyOnbuild,
  applyShell,
  applyStopsignal,
  applyUser,
  applyVolume,
  applyWorkdir,
} from './metadata.ts';
import { applyRun } from './run.ts';

/** What an instruction makes of a stage. */
export async function applyInstruction(
  context: StageContext,
  state: StageState,
  instruction: StageInstruction,
): Promise<StageState> {
  return locatedAsync(context.dockerfile, instruction.range, () => dispatch(context, state, instruction));
}

async function dispatch(
  context: StageContext,
  state: StageState,
  instruction: StageInstruction,
): Promise<StageState> {
  switch (instruction.kind) {
    case 'arg':
      return applyArg(context, state, instruction);
    case 'run':
      return applyRun(context, state, instruction);
    case 'copy':
    case 'add':
      return applyCopy(context, state, instruction);
    case 'env':
      return applyEnv(context, state, instruction);
    case 'label':
      return applyLabel(context, state, instruction);
    case 'workdir':
      return applyWorkdir(context, state, instruction);
    case 'user':
      return applyUser(context, state, instruction);
    case 'cmd':
      return applyCmd(state, instruction);
    case 'entrypoint':
      return applyEntrypoint(state, instruction);
    case 'expose':
      return applyExpose(context, state, instruction);
    case 'volume':
      return applyVolume(context, state, instruction);
    case 'stopsignal':
      return applyStopsignal(context, state, instruction);
    case 'shell':
      return applyShell(state, instruction.argv);
    case 'healthcheck':
      return applyHealthcheck(state, instruction);
    case 'onbuild':
      return applyOnbuild(state, instruction);
    case 'maintainer':
      return withHistory({ ...state, author: instruction.name }, `MAINTAINER ${instruction.name}`, 'empty');
  }
}
