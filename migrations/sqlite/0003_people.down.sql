DROP TABLE api_token;
DROP TABLE sign_in_failure;
DROP TABLE operator_session;
DROP TABLE operator_recovery_code;
DROP TABLE operator_totp;
DROP TABLE operator_invitation;
DROP TABLE operator;
