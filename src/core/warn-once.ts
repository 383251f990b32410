import type { EmitBuildEvent } from './events.ts';

/** What a machine lacks, every step that needs it says; the user hears it once. */
export function warnOnce(emit: EmitBuildEvent): EmitBuildEvent {
  const told = new Set<string>();
  return (event) => {
    if (event.type === 'warning') {
      const text = JSON.stringify([event.message, event.file, event.range]);
      if (told.has(text)) return;
      told.add(text);
    }
    emit(event);
  };
}
