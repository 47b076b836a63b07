/** The app: either a form to log in, or a session with its orders. What it knows of the user, GET /session told it. */
import { clockTime, startCountdown } from './countdown.mjs';
import * as gateway from './gateway.mjs';
import { wordsFor, wordsForEnd } from './words.mjs';

const element = (id) => document.getElementById(id);

/** Ends what belongs to the session that is shown. */
let leave = () => {};

function say(text) {
  element('message').textContent = text;
}

function showLogin(text, company = '') {
  leave();
  leave = () => {};
  say(text);
  element('session').hidden = true;
  element('login').hidden = false;
  element('password').value = '';
  element('company').value = company;
}

function enter(session) {
  leave();
  element('login').hidden = true;
  element('login').reset();
  element('session').hidden = false;
  element('user').textContent = session.user.name;
  element('tenant').textContent = session.tenant;
  element('roles').textContent = session.roles.join(', ');
  element('absolute').textContent = clockTime(session.absolute_expires_in);
  showCompanies(session);
  const endCountdown = startCountdown(
    session.expires_in,
    (seconds) => {
      element('countdown').textContent = clockTime(seconds);
    },
    () => attempt(begin),
  );
  const closeEvents = gateway.openEvents(
    ({ n, tenant }) => {
      element('events').textContent = `event ${n} of ${tenant}`;
    },
    () => attempt(begin),
  );
  leave = () => {
    endCountdown();
    closeEvents();
    element('events').textContent = 'none yet';
    element('orders').replaceChildren();
  };
}

/** A button for each company that the user works for elsewhere; whether it opens is for the gateway to say. */
function showCompanies({ tenant, tenants, profile }) {
  const others = [...new Set([...tenants, ...(profile.companies ?? [])])].filter((each) => each !== tenant);
  const buttons = others.map((other) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = `Go to ${other}`;
    button.addEventListener('click', () => void attempt(() => goTo(other)));
    return button;
  });
  element('companies').replaceChildren(...buttons);
}

/** Where the login of one company says nothing of another, the other one wants its own. */
async function goTo(tenant) {
  try {
    await start(await gateway.switchTenant(tenant), '');
  } catch (error) {
    if (error.code !== 'tenant_mismatch' && error.code !== 'reauthentication_required') throw error;
    showLogin(wordsFor(error), tenant);
  }
}

async function showOrders() {
  const items = (await gateway.listOrders()).map(({ id, order }) => {
    const item = document.createElement('li');
    item.textContent = `${id}: ${order.sku}`;
    return item;
  });
  element('orders').replaceChildren(...items);
}

async function start(session, text) {
  enter(session);
  say(text);
  await showOrders();
}

/** The session that the browser still has, or one that remember-me brings, or none. */
async function begin() {
  try {
    await start(await gateway.showSession(), '');
  } catch (error) {
    if (error.status !== 401) throw error;
    await comeBack();
  }
}

async function comeBack() {
  try {
    await start(await gateway.refreshSession(), 'Welcome back.');
  } catch (error) {
    if (error.status !== 401) throw error;
    showLogin(wordsForEnd(error));
  }
}

/** A 401 is the end of the session, or no login; anything else is told, and what is shown stays. */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    const hasSession = !element('session').hidden;
    if (!hasSession) showLogin(wordsFor(error), element('company').value);
    else if (error.status === 401) showLogin(wordsForEnd(error));
    else say(wordsFor(error));
  }
}

function onSubmit(id, action) {
  element(id).addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(action);
  });
}

function onClick(id, action) {
  element(id).addEventListener('click', () => void attempt(action));
}

onSubmit('login', async () => {
  const session = await gateway.logIn({
    tenant: element('company').value.trim(),
    username: element('username').value,
    password: element('password').value,
    remember: element('remember').checked,
  });
  await start(session, '');
});
onSubmit('order', async () => {
  await gateway.placeOrder(element('sku').value);
  element('order').reset();
  await showOrders();
});
onClick('refresh', async () => {
  enter(await gateway.refreshSession());
  await showOrders();
  say('The session has been renewed.');
});
onClick('logout', async () => {
  await gateway.logOut();
  showLogin('You are logged out.');
});
element('whereabouts').textContent = location.host;
void attempt(begin);
