import { IDisposable } from '@lumino/disposable';

import type { JobsModel } from './model';
import { judge, type ITold, type Notice, untilNext } from './notices';

/** Where a tab keeps what it has told, so that a reload repeats nothing. */
const KEY = 'beamside:told';

/** The longest that a browser's timer can wait, in milliseconds. */
const LONGEST_WAIT = 2 ** 31 - 1;

/**
 * Has told, once each, what the model knows to lie ahead of the session.
 *
 * It looks when the model changes, at the moment a warning is due, and at every event of the server's: browsers hold
 * back the timers of a hidden tab for up to a minute, and the last minute is when documents are saved.
 */
export class Warner implements IDisposable {
  constructor(private readonly _options: Warner.IOptions) {
    _options.model.changed.connect(this.look, this);
    _options.model.heard.connect(this.look, this);
    this.look();
  }

  /** Tell what is due. */
  look(): void {
    const { model, memory, tell, settle } = this._options;
    if (!model.ahead || !model.sessionJobId) {
      return;
    }
    const verdict = judge(model.sessionJobId, model.ahead, model.now, recall(memory));
    this._waitForNext();
    if (verdict.notices.length > 0 && model.source === 'slurm' && !this._isConfirmed) {
      this._isConfirmed = true; // without a service nobody tells of a moved end: ask once before it is told
      void model.refresh().then(() => this.look());
      return;
    }
    this._isConfirmed = false;
    memory.setItem(KEY, JSON.stringify(verdict.told));
    if (!verdict.isSoon) {
      settle();
    }
    verdict.notices.forEach(tell);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._timer);
    this._options.model.changed.disconnect(this.look, this);
    this._options.model.heard.disconnect(this.look, this);
  }

  private _waitForNext(): void {
    clearTimeout(this._timer);
    const { model } = this._options;
    const wait = model.ahead && untilNext(model.ahead, model.now);
    if (wait !== null && !this._isDisposed) {
      this._timer = setTimeout(() => this.look(), Math.min(wait, LONGEST_WAIT));
    }
  }

  private _isConfirmed = false;
  private _isDisposed = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

export namespace Warner {
  export interface IOptions {
    model: JobsModel;
    /** The tab's own; it survives a reload. */
    memory: Pick<Storage, 'getItem' | 'setItem'>;
    tell: (notice: Notice) => void;
    /** The end is not near, or not any more. */
    settle: () => void;
  }
}

function recall(memory: Warner.IOptions['memory']): ITold | null {
  try {
    return JSON.parse(memory.getItem(KEY) ?? 'null') as ITold | null;
  } catch {
    return null; // nobody else's key, but anybody may write there
  }
}
