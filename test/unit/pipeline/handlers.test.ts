import t from 'tap';
import { Queue } from '../../../src/elements/Queue.js';
import { Switch } from '../../../src/elements/Switch.js';
import { rig } from '../rig.js';

t.test('every element has the automatic handlers and its own', async (t) => {
  const { handlers } = rig(Switch, '1', { outputs: 2 }).engine;
  t.equal(handlers.read('element.class'), 'Switch');
  t.equal(handlers.read('element.name'), 'element');
  t.equal(handlers.read('element.config'), '');
  t.equal(
    handlers.read('element.ports'),
    '1 input\npush\t-\tsource_in [0]\n2 outputs\npush\t-\tsink_0 [0]\npush\t-\tsink_1 [0]\n',
  );
  t.equal(handlers.read('element.handlers'), 'class\tr\nname\tr\nconfig\tr\nports\tr\nhandlers\tr\nswitch\trw\n');
  t.equal(handlers.read('1.switch'), '1', 'elements go by number as well');
  handlers.write('element.switch', '0');
  t.equal(handlers.read('element.switch'), '0');
});

t.test('global handlers', async (t) => {
  const { engine } = rig(Queue);
  t.equal(engine.handlers.read('list'), '3\nelement\nsource_in\nsink_out\n');
  engine.handlers.define('version', { read: () => '1' });
  t.equal(engine.handlers.read('version'), '1');
  t.equal(engine.handlers.read('handlers'), 'list\tr\nhandlers\tr\nstop\tw\nversion\tr\n');
  t.equal(engine.services.handlers, engine.handlers);
  engine.handlers.write('stop', '');
  await engine.run();
});

t.test('what is not there, or not so, is an error with a code', async (t) => {
  const { handlers } = rig(Queue).engine;
  t.throws(() => handlers.read('q.length'), { code: 510, message: "No element named 'q'" });
  t.throws(() => handlers.read('9.length'), { code: 510 });
  t.throws(() => handlers.read('element.size'), { code: 511, message: "No handler named 'element.size'" });
  t.throws(() => handlers.read('element.constructor'), { code: 511 });
  t.throws(() => handlers.read('nothing'), { code: 511 });
  t.throws(() => handlers.read('element.reset'), { code: 530, message: "Handler 'element.reset' write-only" });
  t.throws(() => handlers.write('element.length', '1'), { code: 530, message: "Handler 'element.length' read-only" });
  t.throws(() => handlers.write('element.capacity', 'x'), { code: 520, message: /expected a whole number/ });
  t.strictSame(
    ['element.length', 'element.capacity', 'element.reset', 'element.nothing', 'nobody.class'].map((name) =>
      handlers.flags(name),
    ),
    ['r', 'rw', 'w', undefined, undefined],
  );
});
