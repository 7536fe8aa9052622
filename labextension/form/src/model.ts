/** What the page knows: the hub's last answer with its age, and what of the choices cannot be granted. */

import { longestWalltime, readAnswer, refusals } from './rules';
import type { ILive, IRefusal, ISchema } from './wire';

/** Seconds without an answer after which the page says so; two beats may be lost. */
export const SILENT = 25;

export class Model {
  constructor(private readonly clock: () => number = () => performance.now() / 1000) {
    this.heard = clock();
  }

  /** The last whole answer; null before the first. */
  live: ILive | null = null;

  /** The hub answered; null says that nothing changed. */
  answered(live: ILive | null): void {
    this.heard = this.clock();
    if (live) {
      this.live = live;
      this.taken = this.heard;
    }
  }

  /** Seconds since the hub answered last, where that is too long; 0 otherwise. */
  get silence(): number {
    const seconds = this.clock() - this.heard;
    return seconds > SILENT ? seconds : 0;
  }

  /** Seconds until a reservation opens and ends, by the hub's clock; null for one that it does not tell of. */
  times(name: string): { opens: number; ends: number } | null {
    const found = this.live?.reservations.find(reservation => reservation.name === name);
    const since = this.clock() - this.taken;
    return found ? { opens: found.starts_in_seconds - since, ends: found.ends_in_seconds - since } : null;
  }

  /** Whether a field of this name is an option; the form has others beside. */
  isOption(name: string): boolean {
    return name in (this.schema?.properties ?? {});
  }

  /** What the hub would refuse of these texts; nothing before its first answer. */
  refusals(texts: Iterable<[string, string]>): IRefusal[] {
    return this.schema ? refusals(this.schema, readAnswer(texts, this.schema)) : [];
  }

  /** Why this choice does not go with the other texts; empty where it does. */
  against(field: string, value: string, texts: Iterable<[string, string]>): string {
    const others = [...texts].filter(([name]) => name !== field);
    return this.refusals([...others, [field, value]]).find(refusal => refusal.field === field)?.reason ?? '';
  }

  /** The longest walltime beside these choices, and whose limit it is. */
  longest(texts: Iterable<[string, string]>): { minutes: number; reason: string } | null {
    return this.schema ? longestWalltime(this.schema, readAnswer(texts, this.schema)) : null;
  }

  /** The walltime that is written, in minutes; null where none is. */
  walltime(texts: Iterable<[string, string]>): number | null {
    const written = this.schema ? readAnswer(texts, this.schema)['walltime'] : undefined;
    return typeof written === 'number' ? written : null;
  }

  private get schema(): ISchema | undefined {
    return this.live?.schema;
  }

  private heard: number;
  private taken = 0;
}
