import type { EmitBuildEvent } from '../../core/index.ts';
import { plainProgress } from './plain.ts';

/** For commands that plan and do not build: what a build would warn of, in its words. */
export function warningsOnly(): EmitBuildEvent {
  const progress = plainProgress((text) => process.stderr.write(text));
  return (event) => {
    if (event.type === 'warning') progress.handle(event);
  };
}
