import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import type { IHub } from './hub';
import type { JobsModel } from './model';
import { LAST, type Notice } from './notices';
import { type ISaved } from './saving';
import { saved, sentence } from './sentences';

/** Shows notices as JupyterLab's own; the one of the session's end is one notice that is renewed. */
export class Teller {
  constructor(private readonly _options: Teller.IOptions) {}

  /** Show a notice; with the last warning of the end, save what has changes. */
  tell(notice: Notice): void {
    const { model, trans } = this._options;
    if (!model.ahead) {
      return;
    }
    const words = sentence(notice, model.ahead, model.sessionJob, model.now, trans);
    if (notice.kind !== 'end') {
      Notification.warning(words, { autoClose: false, actions: this._actions() });
      return;
    }
    this._showEnd(words, notice.minutes === LAST ? 'error' : 'warning');
    if (notice.minutes === LAST) {
      void this._save();
    }
  }

  /** The end is not near any more: take its notice away. */
  settle(): void {
    if (this._end) {
      Notification.dismiss(this._end);
      this._end = '';
    }
  }

  private async _save(): Promise<void> {
    const { model, trans, save } = this._options;
    const became = await save();
    if (!model.ahead?.ends) {
      return;
    }
    const message = saved(model.ahead.ends, became, trans);
    if (!Notification.update({ id: this._end, message, autoClose: false, actions: this._actions() })) {
      this._showEnd(message, 'error');
    }
  }

  private _showEnd(message: string, type: 'warning' | 'error'): void {
    this.settle(); // a fresh one: an update is not shown again where the old one was closed
    this._end = Notification.emit(message, type, { autoClose: false, actions: this._actions() });
  }

  private _actions(): Notification.IAction[] {
    const { commands, trans, hub } = this._options;
    const actions: Notification.IAction[] = [
      { label: trans.__('Save all'), displayType: 'accent', callback: () => void commands.execute('docmanager:save-all') }
    ];
    if (hub) {
      actions.push({
        label: trans.__('Your servers'),
        caption: trans.__('Opens the hub, where you start again, or another server now'),
        displayType: 'link',
        callback: () => void window.open(hub.home, '_blank', 'noopener')
      });
    }
    return actions;
  }

  private _end = '';
}

export namespace Teller {
  export interface IOptions {
    model: JobsModel;
    commands: CommandRegistry;
    trans: TranslationBundle;
    hub: IHub | null;
    /** Saves what is open and has changes. */
    save: () => Promise<ISaved>;
  }
}
