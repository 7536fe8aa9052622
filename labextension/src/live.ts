import { Event } from '@jupyterlab/services';
import { DisposableDelegate, IDisposable } from '@lumino/disposable';

import type { JobsModel } from './model';
import { DELTA_SCHEMA, IDelta } from './wire';

const CHECK_EVERY = 5_000;

/**
 * Feed the model from Lab's own event socket, and have it look after itself when the page wakes up: events that
 * came while the socket was down, or the tab frozen, are not sent again. Makes no request while events arrive.
 */
export function followEvents(model: JobsModel, events: Event.IManager): IDisposable {
  const onEvent = (_: unknown, event: Event.Emission): void => {
    if (event.schema_id === DELTA_SCHEMA) {
      model.take(event as unknown as IDelta);
    }
  };
  const wake = (): void => {
    if (!document.hidden) {
      model.check();
    }
  };
  events.stream.connect(onEvent);
  document.addEventListener('visibilitychange', wake);
  document.addEventListener('resume', wake);
  window.addEventListener('pageshow', wake);
  window.addEventListener('online', wake);
  const timer = setInterval(wake, CHECK_EVERY);
  return new DisposableDelegate(() => {
    events.stream.disconnect(onEvent);
    document.removeEventListener('visibilitychange', wake);
    document.removeEventListener('resume', wake);
    window.removeEventListener('pageshow', wake);
    window.removeEventListener('online', wake);
    clearInterval(timer);
  });
}

/**
 * Tell the server that somebody looks, while `isInSight` says so and jobs come from Slurm's own commands: only then
 * does the server ask at all. With a facility service it is told by itself and needs no socket.
 */
export class Watcher implements IDisposable {
  constructor(
    private readonly _model: JobsModel,
    private readonly _open: () => WebSocket,
    private readonly _isInSight: () => boolean
  ) {
    _model.changed.connect(this.update, this);
    document.addEventListener('visibilitychange', this._onVisibility);
  }

  /** Open or close the socket as needed; safe to call any number of times. */
  update(): void {
    const wanted = this._model.source === 'slurm' && !document.hidden && this._isInSight();
    if (!wanted) {
      this._socket?.close();
      this._socket = null;
    } else if (!this._socket || this._socket.readyState > WebSocket.OPEN) {
      this._socket = this._open();
    }
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    this._model.changed.disconnect(this.update, this);
    document.removeEventListener('visibilitychange', this._onVisibility);
    this._socket?.close();
  }

  private readonly _onVisibility = (): void => this.update();
  private _socket: WebSocket | null = null;
  private _isDisposed = false;
}
