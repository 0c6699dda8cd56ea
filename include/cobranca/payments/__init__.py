"""The Brazilian ways to pay, as texts a person can copy: boleto lines and Pix codes."""
