<?php

// Reads what to open and what to verify as lines of JSON, and answers each with a line. Arguments: the verifier, a folder for its keys.

declare(strict_types=1);

require $argv[1];

use Gatehouse\AssertionVerifier;
use Gatehouse\Refused;
use Gatehouse\Request;
use Gatehouse\SignatureVerifier;

$verifiers = [];
$seconds = 0.0;
$now = static function () use (&$seconds): float {
    return (float) $seconds;
};

while (($line = fgets(STDIN)) !== false) {
    $command = json_decode($line, true);
    $name = $command['name'];
    $answer = new stdClass();
    if ($command['do'] === 'open') {
        $options = $command['options'];
        if ($command['kind'] === 'assertion') {
            $file = "$argv[2]/$name.keys";
            $algorithms = $options['algorithms'] ?? ['ES256'];
            $verifiers[$name] = new AssertionVerifier($options['jwksUrl'], $options['issuer'], $options['audience'], $file, $algorithms, now: $now);
        } else {
            $seen = [];
            $useNonce = static function (string $keyId, string $nonce) use (&$seen): bool {
                $isFirst = !isset($seen[$nonce]);
                $seen[$nonce] = true;
                return $isFirst;
            };
            $hook = ($options['nonces'] ?? false) ? $useNonce : null;
            $verifiers[$name] = new SignatureVerifier($options['keys'], $options['fields'], $hook, now: $now);
            unset($seen);
        }
    } else {
        $seconds = $command['now'];
        $request = new Request($command['method'], $command['target'], $command['fields']);
        $verifier = $verifiers[$name];
        $verdict = $verifier instanceof AssertionVerifier ? $verifier->verify($request) : $verifier->verify($request, $command['body']);
        $answer = $verdict instanceof Refused
            ? ['ok' => false, 'code' => $verdict->code, 'cause' => $verdict->cause === null ? '' : get_class($verdict->cause) . ': ' . $verdict->cause->getMessage()]
            : ['ok' => true, 'identity' => $verdict];
    }
    fwrite(STDOUT, json_encode($answer, JSON_THROW_ON_ERROR) . "\n");
}
